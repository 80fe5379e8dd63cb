"""smbd on loopback, with all its state in a directory of its own."""

import subprocess

from loopback import free_port

PASSWORD = "secret"
GLOBAL = """[global]
server role = standalone server
smb ports = {port}
bind interfaces only = yes
interfaces = 127.0.0.1/8
disable netbios = yes
private dir = {place}/private
state directory = {place}/state
cache directory = {place}/cache
lock directory = {place}/lock
pid directory = {place}/pid
ncalrpc dir = {place}/ncalrpc
log file = {place}/log.%m
passdb backend = tdbsam:{place}/private/passdb.tdb
map to guest = Bad User
load printers = no
printcap name = /dev/null
disable spoolss = yes
"""


def configure(place, shares, users):
    """Writes smb.conf into the directory `place`, and the users' passwords; its path and the port."""
    for name in ("private", "state", "cache", "lock", "pid", "ncalrpc"):
        (place / name).mkdir(parents=True)
    port, configuration = free_port(), place / "smb.conf"
    configuration.write_text(GLOBAL.format(place=place, port=port) + shares)
    for user in users:
        subprocess.run(["smbpasswd", "-c", configuration, "-a", "-s", user], check=True,
                       input=f"{PASSWORD}\n{PASSWORD}\n", text=True, capture_output=True, timeout=60)
    return configuration, port


def start(configuration, log):
    """Starts smbd; it leads a session of its own."""
    # Both in a session of its own and without a group of its own, else it would end ours.
    return subprocess.Popen(
        ["smbd", "--foreground", "--no-process-group", "-s", configuration, "--debug-stdout"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
