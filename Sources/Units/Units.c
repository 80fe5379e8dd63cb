#include "Units.h"

static const unsigned char gpuspool_clean_service[] = {
#embed "../../systemd/gpuspool-clean.service"
};
static const unsigned char gpuspool_clean_timer[] = {
#embed "../../systemd/gpuspool-clean.timer"
};
static const unsigned char gpuspool_failed__service[] = {
#embed "../../systemd/gpuspool-failed@.service"
};
static const unsigned char gpuspool_watch_service[] = {
#embed "../../systemd/gpuspool-watch.service"
};
static const unsigned char gpuspool_worker__service[] = {
#embed "../../systemd/gpuspool-worker@.service"
};
static const unsigned char gpuspool_env[] = {
#embed "../../systemd/gpuspool.env"
};
static const unsigned char gpuspool_sysusers[] = {
#embed "../../systemd/gpuspool.sysusers"
};
static const unsigned char gpuspool_target[] = {
#embed "../../systemd/gpuspool.target"
};
static const unsigned char gpuspool_tmpfiles[] = {
#embed "../../systemd/gpuspool.tmpfiles"
};
static const unsigned char smb_conf[] = {
#embed "../../systemd/smb.conf"
};

static const struct units_file files[] = {
    {"gpuspool-clean.service", gpuspool_clean_service, sizeof gpuspool_clean_service},
    {"gpuspool-clean.timer", gpuspool_clean_timer, sizeof gpuspool_clean_timer},
    {"gpuspool-failed@.service", gpuspool_failed__service, sizeof gpuspool_failed__service},
    {"gpuspool-watch.service", gpuspool_watch_service, sizeof gpuspool_watch_service},
    {"gpuspool-worker@.service", gpuspool_worker__service, sizeof gpuspool_worker__service},
    {"gpuspool.env", gpuspool_env, sizeof gpuspool_env},
    {"gpuspool.sysusers", gpuspool_sysusers, sizeof gpuspool_sysusers},
    {"gpuspool.target", gpuspool_target, sizeof gpuspool_target},
    {"gpuspool.tmpfiles", gpuspool_tmpfiles, sizeof gpuspool_tmpfiles},
    {"smb.conf", smb_conf, sizeof smb_conf},
};

const struct units_file *units_file(size_t number) {
    return number < sizeof files / sizeof *files ? &files[number] : NULL;
}
