"""Where a path leads."""

import os
import re
import stat
from pathlib import Path

from .errors import UserError

ADDRESS = re.compile("(https?|s?ftp|s3|gs|hf|file):/+", re.IGNORECASE)  # a Path has but one of its slashes
StrPath = str | os.PathLike[str]


def expanded(path):
    """``path`` as a Path, with the home folder for a ``~`` at its beginning; UserError if nobody knows that folder.

    The address of a web page, which is no path, is a UserError as well.
    """
    if (address := ADDRESS.match(os.fspath(path))) and not os.path.lexists(path):
        scheme, rest = address[1], os.fspath(path)[address.end():]
        raise UserError(f"file:///{rest} is an address; name the path in it" if scheme.lower() == "file" else
                        f"{scheme}://{rest} is an address, and only files and folders of this machine are read and "
                        "written; download it, then name the file")
    path = Path(path)
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UserError(f"no home folder is known for {path.parts[0]} in {path}; write the whole path, or ./{path} if "
                        "that is its name") from error


def same_path(one, other):
    """Whether two paths lead to one place: small, small/ and ../here/small do."""
    return resolved(one) == resolved(other)


def resolved(path):
    """``path`` from the root of the disk, without links; one that leads to itself stays as it is."""
    return Path(os.path.realpath(expanded(path)))


def is_stream(path):
    """Whether ``path`` leads to what is written into and cannot be replaced: a device, a pipe, a socket."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
