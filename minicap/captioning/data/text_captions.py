"""Captions in lines of text.

    name.jpg#0<tab>caption       Flickr8k.token.txt (Hodosh, Young and Hockenmaier 2013), Flickr30k's results_*.token
    name#zhc#0 caption           Flickr8k-CN, with the language and how it was translated
    name caption                 a name that ends as pictures do or has a digit in it, a blank, the caption
    name 0 caption               the same with the captions of an image numbered, from 0 or 1
    name.jpg: caption            as minicap.caption prints it
"""

import re
from collections import Counter

from ...errors import UserError, warn
from .entries import Entry, shortened
from .names import ENDINGS

TOKEN_LINE = re.compile(r"(?P<image>[^\t]+?)(?:#[a-z]{2,4})?#\d+\t(?P<caption>.*)")
NAME_LINE = re.compile(rf"(?:(?P<image>.*?\.(?:{ENDINGS}))(?:#\d+)?:?|(?P<bare>(?=\S*\d)[^\s,;|]+))\s+"
                       r"(?P<caption>\S.*)", re.IGNORECASE)
NUMBERED = re.compile(r"#?(\d{1,3})[.:)]?\s+(?=\S)")
MANY = 20  # captions


def is_token_file(text):
    """Is the first line that is not empty one of ``Flickr8k.token.txt``?"""
    return TOKEN_LINE.fullmatch(text.lstrip("\n").partition("\n")[0]) is not None


def token_entries(text, where):
    expected = "name.jpg#0<tab>caption"
    lines = _lines(text)
    columns = {line.strip().count("\t") for _, line in lines}
    more = len(columns) == 1 and columns != {1}  # a column of something else behind each caption
    for number, line in lines:
        match = TOKEN_LINE.fullmatch(line)
        if match is None or not match["caption"].strip() or more:
            raise UserError(f"{where}, line {number}: expected {expected}, found {shortened(line)}")
        yield Entry((match["image"],), match["caption"].strip(), f"line {number}", expected)


def name_entries(text, where):
    """The entries of lines with a name and a caption, or None if one of the first three lines is no such line.

    Nor is a table with tabs that :mod:`.csv_captions` did not understand, as Flickr8k's ExpertAnnotations.txt.
    """
    lines = list(_lines(text))
    if not lines or not all(NAME_LINE.fullmatch(line.strip()) and "\t" not in line for _, line in lines[:3]):
        return None
    entries = list(_name_entries(lines, where))
    return _without_numbers(entries) if _are_numbered(entries, where) else entries


def _name_entries(lines, where):
    expected = "name caption"
    for number, line in lines:
        match = NAME_LINE.fullmatch(line.strip())
        if match is None:
            raise UserError(f"{where}, line {number}: expected {expected}, found {shortened(line)}")
        yield Entry((match["image"] or match["bare"],), match["caption"], f"line {number}", expected)


def _are_numbered(entries, where):
    """Do all captions begin with the number that they have among those of their image?

    Lines may have been deleted, so that no image need have all numbers; and it may have one twice if there are so many
    captions that it cannot be by chance that all begin with a small number.
    """
    numbers, count = [], Counter(entry.names for entry in entries)
    for entry in entries:
        match = NUMBERED.match(entry.captions)
        if match is None:
            return False
        numbers.append((entry.names, int(match[1])))
    largest = max(count.values())
    if max(number for _, number in numbers) > largest:
        warn(f"every caption in {where} begins with a number, which is read as its first word")
        return False
    rising = all(number in (0, 1) for _, number in numbers) if largest == 1 else len(set(numbers)) == len(numbers)
    if rising or len(numbers) >= MANY:
        return True
    warn(f"every caption in {where} begins with a number, which is read as its first word")
    return False


def _without_numbers(entries):
    return [entry._replace(captions=NUMBERED.sub("", entry.captions, count=1)) for entry in entries]


def _lines(text):
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
