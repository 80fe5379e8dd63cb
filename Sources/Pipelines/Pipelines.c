#include "Pipelines.h"

static const unsigned char protocol_py[] = {
#embed "protocol.py"
};
static const unsigned char rules_py[] = {
#embed "rules.py"
};
static const unsigned char demo_jpg[] = {
#embed "demo.jpg"
};

const size_t pipelines_protocol_py_size = sizeof protocol_py;
const size_t pipelines_rules_py_size = sizeof rules_py;
const size_t pipelines_demo_jpg_size = sizeof demo_jpg;

const unsigned char *pipelines_protocol_py_start(void) { return protocol_py; }
const unsigned char *pipelines_rules_py_start(void) { return rules_py; }
const unsigned char *pipelines_demo_jpg_start(void) { return demo_jpg; }
