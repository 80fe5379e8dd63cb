/* Files that are part of the program: the Python pipelines and the demo's photo. */
#ifndef PIPELINES_H
#define PIPELINES_H

#include <stddef.h>

const unsigned char *pipelines_protocol_py_start(void);
const unsigned char *pipelines_rules_py_start(void);
const unsigned char *pipelines_demo_jpg_start(void);
extern const size_t pipelines_protocol_py_size, pipelines_rules_py_size, pipelines_demo_jpg_size;

#endif
