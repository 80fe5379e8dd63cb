"""What happens in directories, as the kernel tells it (inotify), for observers from outside.

One `Events` watches all directories, so that its events come in the order in which things
happened: a rename is told while both its directories are locked.
"""

import ctypes
import os
import select
import struct

MODIFIED, CLOSED, MOVED_FROM, MOVED_TO, CREATED, REMOVED = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
OVERFLOW, ONLY_DIRECTORIES = 0x4000, 0x01000000
_HEADER = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


class Events:
    """Events of some directories below a root; each is (directory, name, mask, cookie)."""

    def __init__(self, root, directories, mask=MOVED_FROM | MOVED_TO | CREATED | REMOVED):
        self.descriptor = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self.places = {}
        for directory in directories:
            path = os.fsencode(os.path.join(root, directory))
            watch = _checked(_libc.inotify_add_watch(
                self.descriptor, path, mask | ONLY_DIRECTORIES))
            self.places[watch] = directory

    def close(self):
        os.close(self.descriptor)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def wait(self, seconds):
        """Whether there are events, at the latest after `seconds`."""
        return bool(select.select([self.descriptor], [], [], max(0, seconds))[0])

    def read(self):
        """What came since; never blocks."""
        events = []
        while True:
            try:
                data = os.read(self.descriptor, 1 << 18)
            except BlockingIOError:
                return events
            place = 0
            while place < len(data):
                watch, mask, cookie, length = _HEADER.unpack_from(data, place)
                place += _HEADER.size
                name = data[place:place + length].rstrip(b"\0")
                place += length
                events.append((self.places.get(watch), os.fsdecode(name), mask, cookie))
