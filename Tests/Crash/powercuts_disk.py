"""File systems in files of their own, whose power can be cut.

The cut is the file system's own shutdown without a log flush: what was not made durable before is
gone when it is mounted again. It is aimed at nothing but a loop mount below a folder of ours.
"""

import fcntl
import os
import pathlib
import struct
import subprocess

from harness import Failure, until

SIZES = {"ext4": "96M", "xfs": "300M"}  # 300 MB is the least that mkfs.xfs makes
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
_LOOP_MAJOR = 7


def _run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}".strip())


class Disk:
    """A file system below `folder`, mounted while `with` lasts."""

    def __init__(self, folder, kind):
        self.kind = kind
        self.folder = pathlib.Path(folder).resolve()
        self.image = self.folder / f"{kind}.img"
        self.place = self.folder / kind

    def __enter__(self):
        self.place.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(int(SIZES[self.kind][:-1]) << 20)
        _run(f"mkfs.{self.kind}", "-q", self.image)
        self.mount()
        return self

    def __exit__(self, *_):
        self.unmount()
        self.image.unlink()
        self.place.rmdir()

    def mount(self):
        """The loop device of the last mount lets go of the file a moment after its end."""
        def is_there():
            try:
                _run("mount", "-t", self.kind, "-o", "loop", self.image, self.place)
            except Failure as failure:
                self.trouble = failure
            return self.is_mounted
        try:
            until(is_there, "the mount", 10)
        except Failure:
            raise self.trouble from None

    @property
    def is_mounted(self):
        """Asked of the kernel: a disk without power answers no `stat`."""
        lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        return any(line.split()[4] == str(self.place) for line in lines)

    def unmount(self):
        """Waits for processes that were killed: they end a moment later."""
        def is_gone():
            subprocess.run(["umount", self.place], capture_output=True)
            return not self.is_mounted
        until(is_gone, f"the end of the mount {self.place}")

    @property
    def device(self):
        """Its device number, surely that of a loop mount of ours."""
        assert self.folder in self.place.parents and self.is_mounted, self.place
        device = os.stat(self.place).st_dev
        assert os.major(device) == _LOOP_MAJOR, f"{self.place} is no loop mount"
        assert device not in (os.stat("/").st_dev, os.stat(self.folder).st_dev), self.place
        return device

    def cut(self):
        """Nothing more reaches the disk, and whoever asks it for something gets EIO."""
        descriptor = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            assert os.fstat(descriptor).st_dev == self.device
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    @property
    def is_cut(self):
        try:
            descriptor = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return True
        try:
            os.fsync(descriptor)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def restore(self):
        """The power is back: the file system replays its log."""
        self.unmount()
        self.mount()
