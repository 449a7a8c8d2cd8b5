"""How a caption becomes words: one tokeniser for the vocabulary, for training and for scoring."""

import re
import unicodedata

# Stand-ins that captioners write beside words. Brackets keep them apart from every real word: were `<end>` read as
# "end", it could match a person's "the end of a pier" by chance.
MARKER = re.compile(r"[<\[]/?(?:unk|pad|start|end|bos|eos|sos|s|cls|sep)[>\]]")
_TOKEN = re.compile(rf"{MARKER.pattern}|(?:[^\W_]|['-])+")  # [^\W_] is a letter or digit of any script


def tokenize(text: str) -> list[str]:
    """The words of ``text``, in order.

    1. Lower case, with accents composed (NFC), so that both ways to write "é" are the same word.
    2. Every character that is not a letter, a digit, ``'`` or ``-`` is a space; split on spaces.
    3. A piece without a letter or digit (a lone hyphen, a quotation mark) is no word and is dropped.

    Letters and digits are those of Unicode (``str.isalnum``). Quotes and hyphens stay where they stand in a word,
    ends included: ``'hello'`` keeps its quotes. A typographic apostrophe (’) is a space like other punctuation.

    One exception to rule 2: stand-ins such as ``<unk>``, ``<start>`` or Keras' ``[UNK]`` stay whole, brackets
    included, so that they count as a word and match none.

        >>> tokenize("A black-and-white dog's toy - on <unk>, maybe .")
        ['a', 'black-and-white', "dog's", 'toy', 'on', '<unk>', 'maybe']
    """
    pieces = _TOKEN.findall(unicodedata.normalize("NFC", text.lower()))
    return [piece for piece in pieces if any(map(str.isalnum, piece))]
