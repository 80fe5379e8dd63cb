/* The files of systemd/, which are part of the program: `gpuspool install` writes them. */
#ifndef UNITS_H
#define UNITS_H

#include <stddef.h>

struct units_file {
    const char *name;
    const unsigned char *start;
    size_t size;
};

/* The one with this number; NULL behind the last. */
const struct units_file *units_file(size_t number);

#endif
