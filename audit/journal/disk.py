"""The system calls by which bytes come to last, in one place, so that tests can make them fail."""

import os
import sys
from pathlib import Path

if sys.platform == "darwin":
    import fcntl

    def sync_data(fd: int) -> None:
        # fsync(2) there leaves the bytes in the drive's cache.
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)

else:

    def sync_data(fd: int) -> None:
        os.fdatasync(fd)


def write(fd: int, data: bytes) -> int:
    return os.write(fd, data)


def sync_directory(path: Path) -> None:
    """A new file's name lasts only when its directory does."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directory(path: Path, mode: int = 0o777) -> None:
    """So that it lasts, with those above it that are missing too; those get the usual mode."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(mode=mode, exist_ok=True)
        sync_directory(path.parent)


def free(where: Path | int) -> float:
    """The free share of the file system, of what an ordinary user may fill, as `df` has it."""
    found = os.statvfs(where)
    usable = found.f_blocks - found.f_bfree + found.f_bavail
    return found.f_bavail / usable if usable else 1.0


def forget_cached(fd: int) -> None:
    """What is read next comes from the disk: pages whose write failed can look well in memory."""
    os.fsync(fd)
    if sys.platform == "linux":
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
