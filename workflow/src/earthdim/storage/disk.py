"""Bringing files to the disk, on file systems of all kinds."""

import errno
import os
import stat

# How file systems say that they have no such thing: those in user space (FUSE), of other systems (CIFS) and of networks
# often have it for files and not for folders.
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}
# A folder that may be written to but not be opened, or that cannot be opened as a file is.
_NOT_FOR_FOLDERS = {errno.EACCES, errno.EPERM, errno.EBADF, errno.EISDIR, errno.EROFS}


def sync(descriptor: int) -> None:
    """Bring an open file or folder to the disk, as far as its file system does that.

    Parameters
    ----------
    descriptor : int
        Of the open file or folder.

    Raises
    ------
    OSError
        If it could not be written: a full disk, a used up quota, a defect.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if error.errno not in _UNSUPPORTED | (_NOT_FOR_FOLDERS if folder else set()):
            raise


def sync_path(path: os.PathLike) -> None:
    """As `sync`, for the file or folder of a name.

    Parameters
    ----------
    path : path
        What is to be brought to the disk; it must be there.
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
