"""How a caption becomes words: one tokeniser for the vocabulary, for training and for scoring."""

import functools
import re
import unicodedata

from ...errors import warn

# Special tokens that captioners may output. Brackets keep them apart from real words: if `<end>` were read as "end", it
# could match "the end of a pier" in a reference by chance.
MARKER = re.compile(r"[<\[]/?(?:unk|pad|start|end|bos|eos|sos|s|cls|sep)[>\]]")
_TOKEN = re.compile(rf"{MARKER.pattern}|(?:[^\W_]|['-])+")  # [^\W_] is a letter or digit of any script
# What is in a word and not part of its spelling: soft hyphens, marks of direction, joiners of lines, a byte order mark,
# what chooses a glyph and not a letter, and the stroke that stretches Arabic words.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u0640\u07fa\u180b-\u180f\u200e\u200f\u202a-\u202e\u2060-\u2064"
                        "\u2066-\u2069\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]")
# Letters and digits of other widths, and in the shapes that printed text has: ligatures, and each form of Arabic.
_SHAPES = re.compile("[\ufb00-\ufb06\ufb50-\ufdff\ufe70-\ufefc\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9f"
                     "\uffa1-\uffdc]+")
_SYMBOL_MARK = range(0x20D0, 0x2100)  # the keycap of 1\ufe0f\u20e3 and its like, which belong to symbols

# Scripts whose writers put no spaces between words: letters, and more letters in a "word" than words have on average.
WITHOUT_SPACES = {
    "Chinese or Japanese": ("\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
                            "\uff66-\uff9f\U00020000-\U0003ffff", 2.5),
    "Thai, Lao, Khmer or Burmese": ("\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2-\u0eb3\u0ebd-\u0ec6"
                                    "\u1000-\u102a\u103f\u1780-\u17b3\ua9e0-\ua9ef\uaa60-\uaa7a", 8),
}


def tokenize(text: str) -> list[str]:
    """The words of ``text``, in order.

    1. Convert to lower case, with accents composed (NFC), so that both encodings of "é" are the same word, and so are
       "２" and "2". What nobody sees in a word, such as a soft hyphen, is left out.
    2. Replace every character that is not a letter, a mark, a digit, ``'`` or ``-`` by a space; split on spaces.
    3. Drop pieces without a letter or digit (a single hyphen, a quotation mark).

    Letters, marks and digits are those of Unicode (categories L, M and N). A mark belongs to the letter before it, as
    the vowel signs of Hindi do; the joiners ZWJ and ZWNJ stay inside a word. Quotes and hyphens stay in a word, also at
    its ends: ``'hello'`` keeps its quotes. A typographic apostrophe (’) is a space like other punctuation.

    One exception to rule 2: special tokens such as ``<unk>``, ``<start>`` or Keras' ``[UNK]`` are left intact, with
    their brackets, so that they count as a word and match no other.

        >>> tokenize("A black-and-white dog's toy - on <unk>, maybe .")
        ['a', 'black-and-white', "dog's", 'toy', 'on', '<unk>', 'maybe']
    """
    if text.isascii():
        pieces = _TOKEN.findall(text.lower())
    else:
        # Python's lower case of the Turkish İ is an i with a second dot as a mark of its own; it is one letter, i.
        lower = _INVISIBLE.sub("", text).lower().replace("i\u0307", "i")
        pieces = _token_with_marks().findall(unicodedata.normalize("NFC", _SHAPES.sub(_usual_shape, lower)))
    return [piece for piece in pieces if any(map(str.isalnum, piece))]


def _usual_shape(match):
    """The letters of a match in their usual shapes; a few are whole sentences or marks on a space, and stay."""
    letters = unicodedata.normalize("NFKC", match[0])
    return match[0] if " " in letters else letters


def tokenize_characters(text: str) -> list[str]:
    """The words of ``text``, with each letter of a script without spaces (and its marks) as a word of its own.

    So the field scores Chinese. Words of other scripts stay whole.

        >>> tokenize_characters("两只狗, 1 Frisbee")
        ['两', '只', '狗', '1', 'frisbee']
    """
    return [part for word in tokenize(text) for part in _letters().findall(word)]


TOKENIZERS = {"words": tokenize, "characters": tokenize_characters}


def join(tokens, tokenizer):
    """The caption of these tokens: with spaces between them, but none where "characters" has split a word."""
    text = ""
    for token in tokens:
        split = tokenizer == "characters" and len(_letters().findall(text[-1:] + token)) > 1
        text += ("" if split or not text else " ") + token
    return text


def script_without_spaces(captions):
    """The name of the script in which most of ``captions`` run on without spaces, or None; see WITHOUT_SPACES."""
    captions = list(captions)
    for name, (letters, longest) in WITHOUT_SPACES.items():
        letter = re.compile(f"[{letters}]")
        counts = [(len(found), sum(map(bool, map(letter.search, tokenize(caption)))))
                  for caption in captions if not caption.isascii()
                  and 2 * len(found := letter.findall(caption)) > sum(map(str.isalpha, caption))]
        if 2 * len(counts) > len(captions) and sum(n for n, _ in counts) > longest * sum(words for _, words in counts):
            return name
    return None


def warn_of_missing_spaces(captions, tokenizer, what):
    """One line if ``captions``, which are ``what``, run on without spaces and are taken for words all the same."""
    script = script_without_spaces(captions) if tokenizer == "words" else None
    if script:
        warn(f"{what} are in {script}, without spaces between words, so that whole clauses count as words; put spaces "
             "between the words, or use --tokenizer characters")


@functools.cache
def _token_with_marks():
    """The pattern of a token with marks: 2,200 of them, so it is made when a caption first needs it."""
    marks = "".join(c for c in map(chr, range(0x300, 0x20000))  # beyond are only variants
                    if unicodedata.category(c)[0] == "M" and ord(c) not in _SYMBOL_MARK)
    letter = f"[^\\W_][{marks}]*"
    # A joiner stays between letters; ZWJ also after a mark at the end, where it is part of Malayalam's last letters.
    joiner = f"(?:[\u200c\u200d]+(?=[^\\W_])|(?<=[{marks}])\u200d)"
    return re.compile(rf"{MARKER.pattern}|(?:{letter}{joiner}?|['-])+")


@functools.cache
def _letters():
    letter = "".join(letters for letters, _ in WITHOUT_SPACES.values())
    return re.compile(f"[{letter}][^\\w'-]*|[^{letter}]+")
