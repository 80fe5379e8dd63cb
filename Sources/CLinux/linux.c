#include "CLinux.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

int clinux_rename_noreplace(int old_dir, const char *old_path, int new_dir, const char *new_path) {
    return renameat2(old_dir, old_path, new_dir, new_path, RENAME_NOREPLACE);
}

int clinux_open_beneath(int dir, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (unsigned)flags,
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
    };
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

int clinux_open_name(int dir, const char *path) {
    return clinux_open_beneath(dir, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
}

int clinux_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int clinux_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int clinux_clone_file(int to, int from) { return ioctl(to, FICLONE, from); }

ssize_t clinux_copy_file_range(int from, int to, size_t length) {
    return copy_file_range(from, NULL, to, NULL, length, 0);
}

int clinux_start_writing(int fd) { return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_memfd_create(const char *name) {
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int clinux_seal(int fd) {
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

ssize_t clinux_send_datagram(int fd, const char *path, const void *bytes, size_t size, int sent) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof sent)];
    } control = {};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    if (sent >= 0) {
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof sent), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &sent, sizeof sent);
        message.msg_iovlen = 0;
        message.msg_control = &control;
        message.msg_controllen = sizeof control.space;
    }
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int clinux_set_read_lease(int fd) { return fcntl(fd, F_SETLEASE, F_RDLCK); }

int clinux_drop_lease(int fd) { return fcntl(fd, F_SETLEASE, F_UNLCK); }

int clinux_set_access_list(int fd, int is_default, const void *list, size_t size) {
    const char *name = is_default ? "system.posix_acl_default" : "system.posix_acl_access";
    return fsetxattr(fd, name, list, size, 0);
}

const char *clinux_error_name(int error) {
    const char *name = strerrorname_np(error);
    return name ? name : "unknown error";
}

const char *clinux_error_text(int error) {
    const char *text = strerrordesc_np(error);
    return text ? text : "Unknown error";
}

/* The child's side. It shares the parent's memory until exec (vfork), so it only makes system
   calls and leaves its errno where the parent reads it. `high` are copies of the descriptors
   above every target number, so that no dup2 overwrites one that is still needed. */
static void child(const struct clinux_spawn *request, pid_t parent, const int *high,
                  volatile int *failure) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    int first = request->descriptor_count;
    sigemptyset(&none);
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &standard, NULL);
    if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        goto failed;
    if (getppid() != parent) /* it died before PR_SET_PDEATHSIG was in force */
        _exit(127);
    if (request->directory >= 0 && fchdir(request->directory) < 0)
        goto failed;
    for (int i = 0; i < first; i++)
        if (dup2(high[i], i) < 0)
            goto failed;
    if (close_range((unsigned)first, ~0U, 0) < 0)
        goto failed;
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        goto failed;
    execve(request->path, request->argv, request->envp);
failed:
    *failure = errno;
    _exit(127);
}

pid_t clinux_spawn(const struct clinux_spawn *request) {
    int count = request->descriptor_count, high[16], made = 0;
    volatile int failure = 0;
    pid_t parent = getpid(), pid = -1;
    sigset_t all, before;
    if (count < 0 || count > 16) {
        errno = EINVAL;
        return -1;
    }
    for (; made < count; made++) {
        high[made] = fcntl(request->descriptors[made], F_DUPFD_CLOEXEC, count);
        if (high[made] < 0)
            goto done;
    }
    /* No handler of ours may run in the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = vfork();
    if (pid == 0)
        child(request, parent, high, &failure);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
done:;
    int error = pid < 0 ? errno : failure;
    for (int i = 0; i < made; i++)
        close(high[i]);
    if (pid > 0 && failure != 0) {
        siginfo_t info;
        while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR) {}
        pid = -1;
    }
    errno = error;
    return pid;
}
