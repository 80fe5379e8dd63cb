/* Preloaded into a role: lets calls on some paths fail, as a failing disk or a foreign hand does.
 *
 *   FAULTS  a file with a line for each fault: CALL ERRNO TIMES PATTERN
 *           CALL: fsync, stat, open, pread, read, rename (to the path); TIMES: how often, 0: always;
 *           PATTERN: of the whole path (fnmatch), as in `*` + `/staging/a/.members`
 *
 * The file is read with every call, so that a fault ends when its line is gone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define LINES 64

static const char *file;
static _Atomic long met[LINES];

__attribute__((constructor)) static void prepare(void) {
    /* Not in the pipeline. */
    if (strcmp(program_invocation_short_name, "gpuspool") == 0)
        file = getenv("FAULTS");
}

/* By the kernel, so that no call of ours comes here again. */
static long plain_open(const char *path) {
    return syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

static void name(int fd, const char *path, char *whole, size_t size) {
    char link[64];
    ssize_t length = 0;
    if (fd != AT_FDCWD && (!path || path[0] != '/')) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        length = readlink(link, whole, size / 2);
        length = length < 0 ? 0 : length;
    }
    if (path)
        snprintf(whole + length, size - (size_t)length, "%s%s", length ? "/" : "", path);
    else
        whole[length] = 0;
}

/* Whether this call is to fail; sets errno then. */
static int fails(const char *call, int fd, const char *path) {
    char text[4096], whole[8192], wanted[16], pattern[1024];
    int saved = errno, code, number = 0, answer = 0;
    long times, in;
    if (!file || (in = plain_open(file)) < 0)
        return errno = saved, 0;
    long length = syscall(SYS_read, in, text, sizeof text - 1);
    syscall(SYS_close, in);
    text[length < 0 ? 0 : length] = 0;
    name(fd, path, whole, sizeof whole);
    for (char *line = text; *line && !answer && number < LINES; number++) {
        if (sscanf(line, "%15s %d %ld %1023[^\n]", wanted, &code, &times, pattern) == 4 &&
            strcmp(wanted, call) == 0 && fnmatch(pattern, whole, 0) == 0 &&
            (times == 0 || met[number]++ < times))
            answer = code;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    errno = answer ? answer : saved;
    return answer;
}

int fsync(int fd) { return fails("fsync", fd, NULL) ? -1 : REAL(fsync)(fd); }

int fstatat(int directory, const char *path, struct stat *status, int flags) {
    return fails("stat", directory, path) ? -1 : REAL(fstatat)(directory, path, status, flags);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset) {
    return fails("pread", fd, NULL) ? -1 : REAL(pread)(fd, bytes, length, offset);
}

ssize_t read(int fd, void *bytes, size_t length) {
    return fails("read", fd, NULL) ? -1 : REAL(read)(fd, bytes, length);
}

int renameat(int from, const char *old, int to, const char *path) {
    return fails("rename", to, path) ? -1 : REAL(renameat)(from, old, to, path);
}

long syscall(long number, ...) {
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_openat2 && fails("open", (int)a[0], (const char *)a[1]))
        return -1;
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
