"""What goes wrong in decoding: the file's fault or the system's."""

import errno

# Errors of the system that a damaged file brings about: a place before its start or beyond any end, more
# memory than is allowed.
OF_THE_FILE = {errno.EINVAL, errno.EOVERFLOW, errno.ENOMEM}


class DecodeError(Exception):
    """The pixel data do not give the frames that the header announces; the message names no value."""


def is_of_the_system(error: Exception) -> bool:
    """Return whether an error is the disk's or a missing right's (full, gone, unreadable), not the file's."""
    return isinstance(error, OSError) and error.errno is not None and error.errno not in OF_THE_FILE
