"""What is printed: text from elsewhere is only ever text, whatever is in it.

A caption, a word of a vocabulary, the name of a file or the answer of a server may hold control characters, which a
terminal obeys: they delete lines, write over others, set the title or the clipboard, or show a name from right to left
("gpj.exe" as "exe.jpg"). :func:`shown` writes them as JSON does, ESC as \\u001b, so that JSON stays what it was. In
programs everything printed passes through it (:func:`show_text_only`), except for what draws on purpose, which asks for
the stream behind (:func:`drawn`).
"""

import codecs
import re
import sys

# C0 and C1 control characters with DEL, line and paragraph separators, embeddings, overrides and isolates of the
# direction, and lone surrogates, which stand for bytes of file names that are not UTF-8. The joiners that many scripts
# need for their words are none of these.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text, longest=100, keep=""):
    """``text`` with every character that a terminal would obey written as \\uXXXX, but for those in ``keep``.

    Of more than ``longest`` characters only the beginning is shown: without a number, for names that are quoted in a
    sentence, of more than 100. None shows all of a line.
    """
    text = str(text)
    if longest is not None and len(text) > longest:
        text = text[:longest] + "…"
    return OBEYED.sub(lambda match: match[0] if match[0] in keep else f"\\u{ord(match[0]):04x}", text)


class TextOnly:
    """A stream that writes text as :func:`shown`, in lines."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        self.stream.write(shown(text, None, keep="\n\t"))
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self.stream, name)


def show_text_only():
    """From now on, nothing that this program prints is obeyed by the terminal, and all of it can be printed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, TextOnly):
            escape_what_is_lacking(stream)
            setattr(sys, name, TextOnly(stream))


def escape_what_is_lacking(stream):
    """Let ``stream`` write the characters that its encoding lacks as JSON does, 中 as \\u4e2d, so JSON stays JSON.

    They would be a traceback otherwise, in ASCII or an old code page of Windows.
    """
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors=ESCAPED)


def can_show(text, stream=None):
    """Whether the encoding of ``stream`` (default: stdout) has all characters of ``text``."""
    try:
        text.encode(getattr(stream or sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _escaped(error):
    units = error.object[error.start:error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i:i + 4]}" for i in range(0, len(units), 4)), error.end


ESCAPED = "minicap.escaped"
codecs.register_error(ESCAPED, _escaped)


def drawn(stream):
    """The stream behind ``stream``, for control characters of our own: progress bars, colours, pictures."""
    return stream.stream if isinstance(stream, TextOnly) else stream


def progress_bar(*steps, desc, **options):
    """A progress bar of tqdm on stderr, in terminals and notebooks: a log would keep all its states."""
    from tqdm import tqdm

    stream = drawn(sys.stderr)
    return tqdm(*steps, desc=shown(desc), file=stream, disable=not obeys_returns(stream), **options)


def obeys_returns(stream):
    """Whether a carriage return in ``stream`` begins the line anew: a terminal, or the cell of a notebook."""
    return stream is not None and (stream.isatty() or type(stream).__module__.partition(".")[0] == "ipykernel")


def print_above(bar, sentence):
    """Print a line on stderr above a :func:`progress_bar`."""
    bar.write(shown(sentence, None), file=drawn(sys.stderr))
