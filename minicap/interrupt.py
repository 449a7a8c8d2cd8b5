"""Ctrl-C in a program: exit code 130 without a traceback, from its first import until Python has cleared up.

    python -m minicap.train      imports minicap (__init__.py), then NumPy and itself: Ctrl-C ends it at once
                                 run_program (cli.py) runs its main: Ctrl-C raises KeyboardInterrupt, as always
                                 main has ended, and then Python does: Ctrl-C ends it at once

Where another program imports minicap, nothing is changed.
"""

import os
import signal
import sys

INTERRUPTED = 130  # the exit code: 128 + the number of SIGINT


def end_at_once():
    """From now on Ctrl-C ends the program, unless it was started to ignore it (nohup, & in a script)."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def ends_at_once():
    """Whether Ctrl-C ends the program now."""
    return signal.getsignal(signal.SIGINT) is _end


def raise_again():
    """From now on Ctrl-C raises KeyboardInterrupt again, if it ended the program."""
    if ends_at_once():
        sys.unraisablehook = _raise_later
        signal.signal(signal.SIGINT, signal.default_int_handler)


def end():
    """End the program without asking Python, libraries and threads to clear up."""
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _end(signal_number, frame):
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


def _raise_later(unraisable):
    """In a callback of a C library, where nothing can be raised, KeyboardInterrupt would be printed and forgotten."""
    if unraisable.exc_type is KeyboardInterrupt:
        import threading

        threading.Timer(0.05, _send, [threading.main_thread().ident]).start()
    else:
        sys.__unraisablehook__(unraisable)


def _send(thread):
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, signal.SIGINT)  # which also wakes it
    else:  # Windows, where it always goes to the main thread
        signal.raise_signal(signal.SIGINT)
