"""How a caption becomes words: one tokeniser for the vocabulary, for training and for scoring."""

import re
import unicodedata

# Special tokens that captioners may output. Brackets keep them apart from real words: if `<end>` were read as "end", it
# could match "the end of a pier" in a reference by chance.
MARKER = re.compile(r"[<\[]/?(?:unk|pad|start|end|bos|eos|sos|s|cls|sep)[>\]]")
_TOKEN = re.compile(rf"{MARKER.pattern}|(?:[^\W_]|['-])+")  # [^\W_] is a letter or digit of any script


def tokenize(text: str) -> list[str]:
    """The words of ``text``, in order.

    1. Convert to lower case, with accents composed (NFC), so that both encodings of "é" are the same word.
    2. Replace every character that is not a letter, a digit, ``'`` or ``-`` by a space; split on spaces.
    3. Drop pieces without a letter or digit (a single hyphen, a quotation mark).

    Letters and digits are those of Unicode (``str.isalnum``). Quotes and hyphens stay in a word, also at its ends:
    ``'hello'`` keeps its quotes. A typographic apostrophe (’) is a space like other punctuation.

    One exception to rule 2: special tokens such as ``<unk>``, ``<start>`` or Keras' ``[UNK]`` are left intact, with
    their brackets, so that they count as a word and match no other.

        >>> tokenize("A black-and-white dog's toy - on <unk>, maybe .")
        ['a', 'black-and-white', "dog's", 'toy', 'on', '<unk>', 'maybe']
    """
    pieces = _TOKEN.findall(unicodedata.normalize("NFC", text.lower()))
    return [piece for piece in pieces if any(map(str.isalnum, piece))]
