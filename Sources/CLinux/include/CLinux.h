/* System calls and constants that Swift's Glibc module hides. Never define
   _GNU_SOURCE here: it would contradict the definitions that module was built with. */
#ifndef CLINUX_H
#define CLINUX_H

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

/* Each returns what the system call returns and sets errno. */
int clinux_rename_noreplace(int old_dir, const char *old_path, int new_dir, const char *new_path);
/* openat that follows no link anywhere in the path and does not leave `dir`. */
int clinux_open_beneath(int dir, const char *path, int flags, mode_t mode);
/* The same for what is only named: O_PATH, so that it need not be readable. */
int clinux_open_name(int dir, const char *path);
int clinux_pidfd_open(pid_t pid);
int clinux_pidfd_send_signal(int pidfd, int signal);
int clinux_clone_file(int to, int from);
ssize_t clinux_copy_file_range(int from, int to, size_t length);
int clinux_start_writing(int fd);
int clinux_pipe(int ends[2]);
int clinux_memfd_create(const char *name);
/* Forbids for ever to change a file of clinux_memfd_create. */
int clinux_seal(int fd);
/* Sends bytes, or a descriptor that is not -1, to the Unix socket at `path`, without waiting. */
ssize_t clinux_send_datagram(int fd, const char *path, const void *bytes, size_t size, int sent);
int clinux_set_read_lease(int fd);
int clinux_drop_lease(int fd);
/* fsetxattr of system.posix_acl_access, or of system.posix_acl_default. */
int clinux_set_access_list(int fd, int is_default, const void *list, size_t size);

/* The name ("ENOENT") and the text ("No such file or directory") of an errno; never NULL. */
const char *clinux_error_name(int error);
const char *clinux_error_text(int error);

/* What a new child starts with. descriptors[i] becomes descriptor i; all others are closed. */
struct clinux_spawn {
    const char *path;
    char **argv;
    char **envp;
    const int *descriptors;
    int descriptor_count;
    int directory; /* working directory, or -1 */
};

/* Starts a child in a process group of its own, with no signal blocked or ignored, that gets
   SIGKILL when the calling thread dies. Returns its pid, or -1 with errno of the step that failed,
   exec included. */
pid_t clinux_spawn(const struct clinux_spawn *request);

#endif
