/* Preloaded into a role: counts its calls that change the disk, and cuts the power before the N-th.
 *
 *   POWERCUT_MOUNT   the loop mount whose power is cut; calls on other disks are not counted
 *   POWERCUT_DEVICE  its device number: it must be that of a loop device
 *   POWERCUT_AT      N; 0: never
 *   POWERCUT_COUNT   a file that takes the count and the time of the cut, 8 bytes each
 *   POWERCUT_FORGET  patterns, one a line: fsync of a path that matches does nothing but answer 0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int mount = -1;
static dev_t device;
static long limit;
static _Atomic long *count;
static const char *forgotten;

__attribute__((constructor)) static void prepare(void) {
    const char *path = getenv("POWERCUT_MOUNT"), *number = getenv("POWERCUT_DEVICE");
    const char *tally = getenv("POWERCUT_COUNT"), *at = getenv("POWERCUT_AT");
    struct stat status;
    /* Not in the pipeline. */
    if (!path || !number || !tally || strcmp(program_invocation_short_name, "gpuspool") != 0)
        return;
    int file = open(tally, O_RDWR | O_CLOEXEC);
    count = file < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    mount = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    device = (dev_t)strtoull(number, NULL, 10);
    if (count == MAP_FAILED || mount < 0 || fstat(mount, &status) < 0 ||
        status.st_dev != device || major(device) != 7) {
        fprintf(stderr, "powercuts_shim: %s is not the loop mount it should be\n", path);
        _exit(99);
    }
    limit = at ? atol(at) : 0;
    forgotten = getenv("POWERCUT_FORGET");
}

static void step(void) {
    unsigned value = 2; /* without a log flush */
    if (mount < 0 || ++*count != limit)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    count[1] = now.tv_sec * 1000000000 + now.tv_nsec;
    ioctl(mount, 0x8004587D, &value);
    kill(getpid(), SIGKILL);
}

static void step_at(int fd) {
    int saved = errno;
    struct stat status;
    if (mount >= 0 && fstat(fd, &status) == 0 && status.st_dev == device)
        step();
    errno = saved;
}

static int is_forgotten(int fd) {
    char link[64], path[4096], pattern[256];
    if (mount < 0 || !forgotten)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    for (const char *at = forgotten; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        snprintf(pattern, sizeof pattern, "%.*s", (int)strcspn(at, "\n"), at);
        if (fnmatch(pattern, path, 0) == 0)
            return 1;
    }
    return 0;
}

int fsync(int fd) {
    step_at(fd);
    return is_forgotten(fd) ? 0 : REAL(fsync)(fd);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    step_at(fd);
    return REAL(write)(fd, bytes, length);
}

int futimens(int fd, const struct timespec times[2]) {
    step_at(fd);
    return REAL(futimens)(fd, times);
}

int ftruncate(int fd, off_t length) {
    step_at(fd);
    return REAL(ftruncate)(fd, length);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    step();
    return REAL(renameat2)(from, old, to, new, flags);
}

int renameat(int from, const char *old, int to, const char *new) {
    step();
    return REAL(renameat)(from, old, to, new);
}

int unlinkat(int directory, const char *path, int flags) {
    step();
    return REAL(unlinkat)(directory, path, flags);
}

int mkdirat(int directory, const char *path, mode_t mode) {
    step();
    return REAL(mkdirat)(directory, path, mode);
}
