"""Captions in tables: columns with "," ";" "|" or a tab between them.

    image,caption                           the Kaggle copy of Flickr8k
    image_name,comment_number,comment       Flickr30k; its results.csv has "|" with blanks
    file_name,text                          Hugging Face's metadata.csv
    raw,sentids,split,filename,img_id       Flickr30k at Hugging Face: a list of captions in one cell, and the split
    image;caption                           what Excel writes in half of Europe; as "Unicode text" with tabs
    image,caption1,caption2,...             several captions in a row
    name<tab>caption, name<tab>0<tab>caption, name,caption    without a header

Columns are found by name, in any case, order and number (``Image Names``). A cell with the delimiter, a quote or a line
end in it is in double quotes, as usual for CSV; files with tabs or bars may also have none of that, and bare quotes.
"""

import csv
import io
import re

from ...errors import UserError, warn
from .entries import Entry, entry_of, shortened
from .fields import chosen_keys, is_caption_key, is_image_key, key
from .names import ENDING, cleaned

DELIMITERS = "\t", ";", "|", ","
UNQUOTED = "\t", "|"  # whose files often hold quotes that are only quotes
NUMBER = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.0)?")  # 000042 is a name, 42.0 is what pandas makes of 42
WITHOUT_BAR = re.compile(r"(\d+)\s+(\S.*)")


def has_header(text):
    """Does the first row name a column with images and one with captions?"""
    return _header(text) is not None


def table_entries(text, where):
    """The entries of a table with a header."""
    for what, record, expected in table_records(text, where, *_header(text)):
        yield entry_of(record, what, where, expected)


def split_records(text, where):
    """The rows of a table with the columns image and split, as (what, record) pairs, or None if this is no such."""
    header = _header(text, lambda column: key(column) == "split")
    return header and [record[:2] for record in table_records(text, where, *header)]


def table_records(text, where, delimiter, columns):
    """(the row in words, {column: cell}, the columns in words) for each row under the header."""
    columns = [f"{column}.{columns[:i].count(column)}" if column and column in columns[:i] else column
               for i, column in enumerate(columns)]  # caption,caption: as pandas tells them apart
    rows = _rows(text, delimiter, where)
    number, first = next(rows)
    if first[:1] == ["sep="]:  # Excel's own first line
        number, _ = next(rows)
    words = tuple(filter(None, columns))
    fields = chosen_keys(words if any(map(is_caption_key, words)) else (*words, "caption"), f"{where}, line {number}",
                         "image,caption")
    expected = delimiter.join(columns).replace("\t", "<tab>")
    for number, row in rows:
        what = f"line {number}"
        if len(row) == len(columns) - 1 and delimiter == "|" and (match := WITHOUT_BAR.fullmatch(row[-1])):
            warn(f"{where}, {what}: a | is missing between {match[1]} and {shortened(match[2])}; it is read as if it "
                 "were there")  # Flickr30k's results.csv has one such row
            row = [*row[:-1], *match.groups()]
        if len(row) != len(columns):
            quotes = f" (in double quotes if it holds a {NAMES[delimiter]})"
            raise UserError(f"{where}, {what}: expected {expected}{quotes}, found {shortened(delimiter.join(row))}")
        record = {column: cell for column, cell in zip(columns, row, strict=True) if column}
        if not any(map(record.get, fields.names or fields.ids)):
            raise UserError(f"{where}, {what}: expected {expected}, found {shortened(delimiter.join(row))}")
        record |= {column: int(match[1]) for column in fields.ids if (match := NUMBER.fullmatch(record[column]))}
        yield what, record, expected


NAMES = {",": "comma", ";": "semicolon", "|": "bar", "\t": "tab"}


def headless_entries(text, where):
    """The entries of a table without a header, or None if this is none: all rows have one cell like ``a.jpg``, the
    same one, or there are tabs between a name and a caption; a number may stand between them.
    """
    first = _first_line(text)
    for delimiter in DELIMITERS:
        if delimiter not in first or not (delimiter == "\t" or any(map(_like_a_name, first.split(delimiter)))):
            continue
        if not (rows := list(_rows(text, delimiter, where))):
            continue
        like_names = [i for i in range(len(rows[0][1]))
                      if all(i < len(row) and _like_a_name(row[i]) for _, row in rows)]
        if len(like_names) == 1 or (delimiter == "\t" and not like_names):
            return list(_headless(rows, (like_names or [0])[0], delimiter, where))
    return None


def _headless(rows, image, delimiter, where):
    expected = f"name{delimiter}caption".replace("\t", "<tab>")
    width = len(rows[0][1])
    # "2" in one row alone may be part of a caption, as in: a.jpg,2,3 or more dogs
    numbers = [i for i in range(width)
               if width > 2 and all(len(row) == width and row[i].isdecimal() for _, row in rows)]
    for number, row in rows:
        rest = [cell for i, cell in enumerate(row) if i != image and i not in numbers]
        if len(row) != width or len(rest) != 1 or not row[image]:
            quotes = f", the caption in double quotes if it holds a {NAMES[delimiter]}"
            raise UserError(f"{where}, line {number}: expected {expected}{quotes}, found "
                            f"{shortened(delimiter.join(row))}")
        yield Entry((row[image],), rest[0], f"line {number}", expected)


def _like_a_name(cell):
    return ENDING.search(cleaned(cell.strip(' "'))) is not None


def _first_line(text):
    return text.lstrip("\n").partition("\n")[0]


def _header(text, is_wanted=is_caption_key):
    """(delimiter, names of the columns) if the first row is a header with an image and a wanted column, else None."""
    first = _first_line(text)
    if re.fullmatch(r'"?sep=.?"?', first.strip(" ")):
        first = _first_line(text.lstrip("\n").partition("\n")[2])
    for delimiter in DELIMITERS:
        try:
            columns = next(csv.reader([first], delimiter=delimiter, skipinitialspace=True, strict=True), [])
        except csv.Error:
            continue
        columns = [column.strip() for column in columns]
        if any(map(is_image_key, columns)) and any(map(is_wanted, columns)):
            return delimiter, columns
    return None


def _rows(text, delimiter, where):
    """(number of its first line, cells) of each row that is not empty."""
    if delimiter in UNQUOTED:
        try:
            rows = list(_csv_rows(text, delimiter, where, quoting=csv.QUOTE_MINIMAL))
            swallowed = any("\n" in cell and delimiter in cell for _, row in rows for cell in row)
        except UserError:
            swallowed = True
        if swallowed:  # a quote at the beginning of a caption is no quotation of a cell here
            rows = _csv_rows(text, delimiter, where, quoting=csv.QUOTE_NONE)
        yield from rows
    else:
        yield from _csv_rows(text, delimiter, where, quoting=csv.QUOTE_MINIMAL)


def _csv_rows(text, delimiter, where, quoting):
    # strict: a missing closing quote is an error, not a caption of a thousand lines.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True,
                      skipinitialspace=delimiter != "\t")
    number = 1  # the line on which a row begins; a quoted caption may span several
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{where}, line {number}: broken quotes ({error}); "
                            'inside a quoted caption a quote is written twice: ""') from error
        row = [cell.strip() for cell in row]
        if any(row):
            yield number, row
        number = rows.line_num + 1
