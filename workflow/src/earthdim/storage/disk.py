"""Syncing files to disk on all kinds of file systems."""

import errno
import os
import stat

# Errors of file systems without fsync. File systems in user space (FUSE), CIFS and network file systems often support
# it for files only.
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}
# Errors for folders that can be written to but not opened, or not opened like a file.
_NOT_FOR_FOLDERS = {errno.EACCES, errno.EPERM, errno.EBADF, errno.EISDIR, errno.EROFS}


def sync(descriptor: int) -> None:
    """Sync an open file or folder to disk, if its file system supports that.

    Parameters
    ----------
    descriptor : int
        Of the open file or folder.

    Raises
    ------
    OSError
        If it could not be written: full disk, exhausted quota, hardware error.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if error.errno not in _UNSUPPORTED | (_NOT_FOR_FOLDERS if folder else set()):
            raise


def sync_path(path: os.PathLike) -> None:
    """Sync the file or folder of a path; see `sync`.

    Parameters
    ----------
    path : path
        An existing file or folder.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        if os.path.isdir(path) and error.errno in _UNSUPPORTED | _NOT_FOR_FOLDERS:
            return
        raise
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
