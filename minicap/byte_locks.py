"""Who does what of some work that several processes share: each takes a number by locking the byte of that number.

The bytes need not be there: what is locked is only the number. The system releases a process' locks when it ends,
however it ends, so nothing that was taken by a killed process stays taken.
"""

try:
    import fcntl
except ImportError:  # Windows, where locks.shared says that processes cannot share a file
    fcntl = None


class ByteLocks:
    """Locks of this process on bytes of the file ``path``.

    All of them end when this process closes the file, be it under another name or in another place: it is opened once.
    """

    def __init__(self, path):
        self.file = open(path, "rb+")  # noqa: SIM115

    def take(self, number, wait=False):
        """Whether this process has the lock now; one that another process has can be waited for."""
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, number)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def give_back(self, number):
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, number)

    def close(self):
        self.file.close()
