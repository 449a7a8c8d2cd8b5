"""The one exception a program of minicap shows to its user as a plain sentence."""


class UserError(ValueError):
    """Something outside the code is wrong: a file, an option, a device.

    The message is one clear sentence: what is wrong, where, and what to do about it. Programs print it on stderr
    and exit with code 2 (see :mod:`minicap.cli`); in a notebook it is an ordinary ``ValueError``.
    """
