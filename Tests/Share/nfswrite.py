"""Writes a file to an NFS server of version 4, without mounting it.

usage: nfswrite.py PORT FILE NAME `close`|`die`|`rename OTHER`
"""

import ctypes
import os
import signal
import sys

# Longer writes fail in libnfs 4.0 with version 4.
PIECE = 1000


def main():
    port, path, name, ending = sys.argv[1:]
    nfs = ctypes.CDLL("libnfs.so.13")
    nfs.nfs_init_context.restype = ctypes.c_void_p
    nfs.nfs_get_error.restype = ctypes.c_char_p
    context = ctypes.c_void_p(nfs.nfs_init_context())

    def check(result, call):
        if result < 0:
            sys.exit(f"{call}: {nfs.nfs_get_error(context).decode()} ({result})")

    nfs.nfs_parse_url_incomplete.restype = ctypes.c_void_p
    url = f"nfs://127.0.0.1/share?version=4&nfsport={port}&uid={os.getuid()}&gid={os.getgid()}"
    nfs.nfs_parse_url_incomplete(context, url.encode())
    check(nfs.nfs_mount(context, b"127.0.0.1", b"/share"), "mount")
    umask = os.umask(0)
    file = ctypes.c_void_p()
    check(nfs.nfs_open2(context, f"/{name}".encode(), os.O_CREAT | os.O_WRONLY, 0o666 & ~umask,
                        ctypes.byref(file)), "open")
    with open(path, "rb") as source:
        data = source.read()
    if ending == "die":
        data = data[:len(data) // 2]
    for place in range(0, len(data), PIECE):
        piece = data[place:place + PIECE]
        check(nfs.nfs_pwrite(context, file, ctypes.c_uint64(place), ctypes.c_uint64(len(piece)),
                             piece), "write")
    if ending == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    check(nfs.nfs_close(context, file), "close")
    if ending.startswith("rename "):
        check(nfs.nfs_rename(context, f"/{name}".encode(),
                             f"/{ending.removeprefix('rename ')}".encode()), "rename")


main()
