"""Every layout in which people have captions: a line each, all of them the same two images."""

import json

import numpy as np
import pytest
from PIL import Image

from minicap.captioning.data import load_dataset
from minicap.captioning.data.caption_files import parse_caption_file, parse_captions
from minicap.captioning.data.names import ImgId
from minicap.errors import UserError

A, B = "a1.jpg", "b2.jpg"
CAPTIONS = {A: ["a dog, running", 'a "small" dog'], B: ["two men"]}
COCO = {"images": [{"id": 7, "file_name": A}, {"id": 8, "file_name": B}, {"id": 9, "file_name": "no_caption.jpg"}],
        "annotations": [{"id": 70, "image_id": 7, "caption": CAPTIONS[A][0]},
                        {"id": 71, "image_id": 8, "caption": CAPTIONS[B][0]},
                        {"id": 72, "image_id": 7, "caption": CAPTIONS[A][1]}]}
PAIRS = [(name, caption) for name, captions in CAPTIONS.items() for caption in captions]


def karpathy(**fields):
    return {"dataset": "x", "images": [
        fields | {"filename": name, "imgid": i, "sentids": [i],
                  "sentences": [{"raw": text, "tokens": text.split(), "imgid": i} for text in texts]}
        for i, (name, texts) in enumerate(CAPTIONS.items())]}


def records(name="image", caption="caption", **more):
    return [{name: image, caption: text} | more for image, text in PAIRS]


def lines(values):
    return "".join(json.dumps(value) + "\n" for value in values)


def in_cells(write):
    """A table with the captions of an image in a cell, as ``write`` spells a list of texts."""
    return "file_name,captions\n" + "".join('{},"{}"\n'.format(name, write(texts).replace('"', '""'))
                                            for name, texts in CAPTIONS.items())


LAYOUTS = {
    # ---- JSON
    "COCO": COCO,
    "COCO with its ids as text": COCO | {"images": [image | {"id": str(image["id"])} for image in COCO["images"]]},
    "Karpathy": karpathy(split="train"),
    "Karpathy, tokens only": json.dumps(karpathy()).replace('"raw"', '"rest"').replace('"a", "\\"small\\"", "dog"',
                                                                                      '"a \\"small\\" dog"'),
    "list of image, caption": records(),
    "list of file_name, text": records("file_name", "text"),
    "list of file_path, caption": records("file_path"),
    "list of image, filepath, caption": [record | {"filepath": f"train/{record['image']}"} for record in records()],
    "list of image, new_caption": records("image", "new_caption", num_captions=5, caption_id=3, split_caption_length=9),
    "list of image, English captions": records("image", "English captions"),
    "Localized Narratives": [record | {"timed_caption": [{"utterance": "a"}]} for record in records("image_id")],
    "list of filename, sentence": records("filename", "sentence", height=3),
    "list of image, captions": [{"image": name, "captions": texts} for name, texts in CAPTIONS.items()],
    "list of image_id, caption": records("image_id"),
    "list of image, text and a running id": [record | {"id": i} for i, record in enumerate(records("image", "text"))],
    "list of pairs": PAIRS,
    "list of name: caption": [{name: texts} for name, texts in CAPTIONS.items()],
    "name: captions": CAPTIONS,
    "name: [{caption}]": {name: [{"caption": text, "id": 3} for text in texts]
                          for name, texts in CAPTIONS.items()},
    "name: {captions}": {name: {"captions": texts, "size": 3} for name, texts in CAPTIONS.items()},
    "name: {sentences: [{raw}]}": {name: {"sentences": [{"raw": text} for text in texts]}
                                   for name, texts in CAPTIONS.items()},
    "data: list": {"version": "1", "data": records()},
    "annotations without images": {"annotations": records("image_id")},
    "columns of pandas": {"image": {str(i): name for i, (name, _) in enumerate(PAIRS)},
                          "caption": {str(i): text for i, (_, text) in enumerate(PAIRS)}},
    "rows of pandas": {str(i): record for i, record in enumerate(records())},
    "columns of pandas, the images as index": {"captions": CAPTIONS, "split": dict.fromkeys(CAPTIONS, "train")},
    "columns and rows of pandas": {"columns": ["caption", "image"], "index": [0, 1, 2],
                                   "data": [[text, name] for name, text in PAIRS]},
    "columns and rows of pandas, the images as index": {"columns": ["caption"], "index": [name for name, _ in PAIRS],
                                                        "data": [[text] for _, text in PAIRS]},
    "table of pandas": {"schema": {"fields": [{"name": "image", "type": "string"}], "primaryKey": ["index"]},
                        "data": [record | {"index": i} for i, record in enumerate(records())]},
    "number: [records]": {str(i): [record] for i, record in enumerate(records())},
    "a label: [records]": {"Flickr8k": records()},
    "a picture of Hugging Face": lines([{"image": {"bytes": None, "path": name}, "caption": text}
                                        for name, text in PAIRS]),
    "a picture of Hugging Face in itself, and its name": lines(
        [{"image": {"bytes": "/9j/4AAQ", "path": None}, "caption": texts, "filename": name, "img_id": "1"}
         for name, texts in CAPTIONS.items()]),
    "VizWiz": COCO | {"annotations": [record | {"is_rejected": False, "is_precanned": False}
                                      for record in COCO["annotations"]]},
    "STAIR": COCO | {"annotations": [record | {"tokenized_caption": "x y"} for record in COCO["annotations"]]},
    "TextCaps": {"data": [{"caption_str": text, "caption_id": i, "image_id": name[:-4], "image_path": f"train/{name}",
                           "reference_tokens": [], "image_name": name} for i, (name, text) in enumerate(PAIRS)]},
    "AI Challenger": [{"url": f"http://x/{name}", "image_id": name, "caption": texts}
                      for name, texts in CAPTIONS.items()],
    "a list in a text": {name: str(texts) for name, texts in CAPTIONS.items()},
    "columns as lists": {"image": [name for name, _ in PAIRS], "caption": [text for _, text in PAIRS]},
    "JSON lines": lines(records("file_name", "text")),
    "JSON lines with lists": lines([{"image": name, "captions": texts} for name, texts in CAPTIONS.items()]),
    "names with #0": {f"{name}#{i}": text for name, texts in CAPTIONS.items() for i, text in enumerate(texts)},
    "names with ./ and backslashes": [{"image": f".\\{name}", "caption": text} for name, text in PAIRS],
    # ---- tables
    "Kaggle's Flickr8k": 'image,caption\na1.jpg,"a dog, running"\na1.jpg,"a ""small"" dog"\nb2.jpg,two men\n',
    "other header": 'Image Names , Captions\na1.jpg, "a dog, running"\na1.jpg,a "small" dog\nb2.jpg,two men\n',
    "Flickr30k": 'image_name,comment_number,comment\na1.jpg,0,"a dog, running"\n'
                 'a1.jpg,1,a "small" dog\nb2.jpg,0,two men\n',
    "Flickr30k with bars": "image_name| comment_number| comment\na1.jpg| 0| a dog, running\n"
                           "a1.jpg| 1| a \"small\" dog\nb2.jpg| 0| two men\n",
    "Flickr30k at Hugging Face": 'raw,sentids,split,filename,img_id\n"[""a dog, running"", ""a \\""small\\"" dog""]",'
                                 '"[0, 1]",train,a1.jpg,0\n"[""two men""]",[2],test,b2.jpg,1\n',
    "a list as Python writes it": 'file_name,captions\na1.jpg,"[\'a dog, running\', \'a \\"small\\" dog\']"\n'
                                  'b2.jpg,[\'two men\']\n'.replace('\\"', '""'),
    "a list as NumPy writes it": 'file_name,captions\na1.jpg,"[\'a dog, running\'\n \'a \\"small\\" dog\']"\n'
                                 'b2.jpg,[\'two men\']\n'.replace('\\"', '""'),
    "a list as JSON writes it": in_cells(json.dumps),
    "a tuple": in_cells(lambda texts: str((*texts,))),
    "a list over two lines": in_cells(lambda texts: "[" + ",\n ".join(map(repr, texts)) + "]"),
    "an array of NumPy": in_cells(lambda texts: repr(np.array(texts))),
    "an array of NumPy's objects": in_cells(lambda texts: repr(np.array(texts, object))),
    "an array in text, tabs": "".join(f"{name}\t{np.array(texts, object)!r}\n" for name, texts in CAPTIONS.items()),
    "a list in lines of text": "".join(f"{name} {texts}\n" for name, texts in CAPTIONS.items()),
    "a caption of bytes": "image,caption\n" + "".join('{},"{}"\n'.format(name, str(text.encode()).replace('"', '""'))
                                                      for name, text in PAIRS),
    "a picture of Hugging Face in a cell": "image;caption\n" + "".join(
        f"{dict(bytes=None, path=name)};{text}\n" for name, text in PAIRS),
    "Karpathy's sentences in a cell": "filename|sentences\n" + "".join(
        f"{name}|{[{'raw': text, 'tokens': text.split()} for text in texts]}\n" for name, texts in CAPTIONS.items()),
    "Karpathy's sentences in a cell, as JSON": "filename|sentences\n" + "".join(
        f"{name}|{json.dumps([{'raw': text, 'sentid': 3} for text in texts])}\n" for name, texts in CAPTIONS.items()),
    "two words in each column": 'Image Name;Caption Number;Caption Text\na1.jpg;0;a dog, running\n'
                                'a1.jpg;1;a "small" dog\nb2.jpg;0;two men\n',
    "Hugging Face": 'file_name,text\na1.jpg,"a dog, running"\na1.jpg,a "small" dog\nb2.jpg,two men\n',
    "all quoted, Windows": '"image","caption"\r\n"a1.jpg","a dog, running"\r\n"a1.jpg","a ""small"" dog"\r\n'
                           '"b2.jpg","two men"\r\n',
    "old Mac": 'image,caption\ra1.jpg,"a dog, running"\ra1.jpg,"a ""small"" dog"\rb2.jpg,two men\r',
    "a column of numbers": ',image,caption\n0,a1.jpg,"a dog, running"\n1,a1.jpg,a "small" dog\n2,b2.jpg,two men\n',
    "caption1, caption2": 'image,caption1,caption2\na1.jpg,"a dog, running",a "small" dog\nb2.jpg,two men,\n',
    "caption, caption": 'image,caption,caption\na1.jpg,"a dog, running",a "small" dog\nb2.jpg,two men,\n',
    "semicolons": 'image;caption\na1.jpg;a dog, running\na1.jpg;"a ""small"" dog"\nb2.jpg;two men\n',
    "Excel's sep=": 'sep=;\nimage;caption\na1.jpg;a dog, running\na1.jpg;"a ""small"" dog"\nb2.jpg;two men\n',
    "empty columns of Excel": 'image;caption;;\na1.jpg;a dog, running;;\na1.jpg;a "small" dog;;\n'
                              'b2.jpg;two men;;\n;;;\n',
    "Excel's Unicode text": ("image\tcaption\r\na1.jpg\ta dog, running\r\na1.jpg\t\"a \"\"small\"\" dog\"\r\n"
                             "b2.jpg\ttwo men\r\n").encode("utf-16"),
    "UTF-16, the other way round": "\ufeffimage,caption\na1.jpg,\"a dog, running\"\na1.jpg,a \"small\" dog\n"
                                   "b2.jpg,two men\n".encode("utf-16-be"),
    "tabs": "image\tcaption\na1.jpg\ta dog, running\na1.jpg\ta \"small\" dog\nb2.jpg\ttwo men\n",
    "caption before image": "caption\timage\na dog, running\ta1.jpg\na \"small\" dog\ta1.jpg\ntwo men\tb2.jpg\n",
    "tabs, no header": "a1.jpg\ta dog, running\na1.jpg\ta \"small\" dog\nb2.jpg\ttwo men\n",
    "tabs, numbers": "a1.jpg\t0\ta dog, running\na1.jpg\t1\ta \"small\" dog\nb2.jpg\t0\ttwo men\n",
    "tabs, caption first": "a dog, running\ta1.jpg\na \"small\" dog\ta1.jpg\ntwo men\tb2.jpg\n",
    "commas, no header": 'a1.jpg,"a dog, running"\na1.jpg,"a ""small"" dog"\nb2.jpg,two men\n',
    # ---- text
    "Flickr8k-CN": "".join(f"{name}#zhb#{i} {text}\n" for name, texts in CAPTIONS.items()
                           for i, text in enumerate(texts)),
    "Flickr8k-CN, tabs": "".join(f"{name}#enc#{i}\t{text}\n" for name, texts in CAPTIONS.items()
                                 for i, text in enumerate(texts)),
    "Flickr8k.token.txt": "a1.jpg#0\ta dog, running\na1.jpg#1\ta \"small\" dog\nb2.jpg#0\ttwo men\n",
    "names and captions": "a1.jpg a dog, running\na1.jpg a \"small\" dog\nb2.jpg two men\n",
    "names, numbers and captions": "a1.jpg 0 a dog, running\na1.jpg 1 a \"small\" dog\nb2.jpg 0 two men\n",
    "numbered from 1": "a1.jpg 1 a dog, running\na1.jpg 2 a \"small\" dog\nb2.jpg 1 two men\n",
    "numbered, a line deleted": "a1.jpg 0 a dog, running\na1.jpg 2 a \"small\" dog\nb2.jpg 1 two men\n",
    "name: number caption": "a1.jpg: 1 a dog, running\na1.jpg: 2 a \"small\" dog\nb2.jpg: 1 two men\n",
    "name #number caption": "a1.jpg #1 a dog, running\na1.jpg #2 a \"small\" dog\nb2.jpg #1 two men\n",
    "number with a dot": "a1.jpg 1. a dog, running\na1.jpg 2. a \"small\" dog\nb2.jpg 1. two men\n",
    "names with #0, blanks": "a1.jpg#0   a dog, running\n\na1.jpg#1 a \"small\" dog\nb2.jpg#0 two men\n",
    "minicap.caption": "a1.jpg: a dog, running\na1.jpg: a \"small\" dog\nb2.jpg: two men\n",
}


def as_bytes(content):
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_gives_the_same_captions(layout):
    assert parse_captions(as_bytes(LAYOUTS[layout]), "x") == CAPTIONS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(layout):
    data = as_bytes(LAYOUTS[layout])
    if isinstance(LAYOUTS[layout], bytes) or b"\r" in data:
        return
    assert parse_captions(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"), "x") == CAPTIONS


@pytest.mark.parametrize("value, splits", [
    (karpathy(split="restval"), {"train": (A, B), "dev": (), "test": ()}),
    ({"train": {A: CAPTIONS[A]}, "val": {B: CAPTIONS[B]}}, {"train": (A,), "dev": (B,), "test": ()}),
    ({"train": records()[:2], "test": records()[2:]}, {"train": (A,), "dev": (), "test": (B,)}),
    (LAYOUTS["Flickr30k at Hugging Face"], {"train": (A,), "dev": (), "test": (B,)}),
    ({A: {"caption": "x", "split": "train"}, B: {"caption": "y", "split": "val"}},
     {"train": (A,), "dev": (B,), "test": ()}),
    ("image,caption,split\na1.jpg,x,validation\na1.jpg,y,validation\nb2.jpg,z,Test\n",
     {"train": (), "dev": (A,), "test": (B,)}),
    (COCO, None),
])
def test_splits_are_read_where_a_file_says_them(value, splits):
    assert parse_caption_file(as_bytes(value), "x").splits == splits


@pytest.mark.parametrize("text, first", [
    ("a1.jpg 2 dogs\nb2.jpg 2 men\nc3.jpg 1 cow\n", "2 dogs"), ("a1.jpg 1 dog\na1.jpg 1 cat\nb2.jpg 1 cow\n", "1 dog"),
    ("a1.jpg 17 dogs\na1.jpg 18 dogs\nb2.jpg 19 men\n", "17 dogs")])
def test_numbers_that_may_be_words_are_words_and_it_is_said(text, first, capsys):
    assert parse_captions(text.encode(), "x")[A][0] == first
    assert "every caption in x begins with a number, which is read as its first word" in capsys.readouterr().err


def test_ids_are_kept_beside_names():
    assert parse_caption_file(as_bytes(COCO), "x").ids == {A: (7,), B: (8,)}
    assert parse_caption_file(as_bytes(karpathy(cocoid=391895) | {"images": karpathy(cocoid=391895)["images"][:1]}),
                              "x").ids == {A: (391895, ImgId(0))}


@pytest.mark.parametrize("caption", ["[laughs]", "(two men)", 'a sign that says ["Stop"]', "[a dog] and a cat",
                                     "('Stop' and (go))", "a (b', 'c)", "dog(s) [sic]"])
def test_a_caption_in_brackets_is_a_caption(caption):
    assert parse_captions(as_bytes([{"image": A, "caption": caption}]), "x") == {A: [caption]}


@pytest.mark.parametrize("caption", ["['a dog', nan]", "[nan, 'a dog']", "{'a dog', 'a cat'}", "[['a dog']]", "[1, 2]",
                                     "['a dog',", "[]", "OrderedDict([('raw', 'x')])", "{'0': 'a dog'}",
                                     "[array(['a dog'], dtype=object)]"])
@pytest.mark.parametrize("layout", [lambda text: {A: text}, lambda text: f"{A}\t{text}\n",
                                    lambda text: f'image,caption\n{A},"{text}"\n', lambda text: f"{A} {text}\n"])
def test_a_list_that_is_not_understood_is_no_caption(caption, layout):
    with pytest.raises(UserError, match=r"x, .*expected .*, found"):
        parse_captions(as_bytes(layout(caption)), "x")


def test_stems_in_flickr8k_cn_are_the_images():
    text = "1000268201_693b08cb0e#zhc#0 a b\n1000268201_693b08cb0e#zhc#1 c d\n"
    assert parse_captions(text.encode(), "x") == {"1000268201_693b08cb0e": ["a b", "c d"]}


def test_lines_of_text_may_hold_commas_and_quotes():
    assert parse_captions(b'a1.jpg he says, "stop" now\nb2.jpg two men\n', "x") == \
        {A: ['he says, "stop" now'], B: ["two men"]}


def test_captions_that_people_have_rejected_are_mentioned(capsys):
    annotations = [record | {"is_rejected": i == 1, "is_precanned": i == 1} for i, record in
                   enumerate(COCO["annotations"])]
    assert parse_captions(as_bytes(COCO | {"annotations": annotations}), "x") == CAPTIONS
    err = capsys.readouterr().err
    assert err.startswith("warning: x: 1 of 3 captions are marked is_rejected") and err.count("\n") == 1


def test_a_number_that_begins_a_caption_stays_in_it():
    assert parse_captions(b"a1.jpg 2 dogs\nb2.jpg 0 cats\n", "x") == {A: ["2 dogs"], B: ["0 cats"]}


def test_equal_names_in_different_filepaths_are_two_images():
    images = [{"filename": "1.jpg", "filepath": folder, "sentences": [{"raw": folder}]} for folder in ("p", "q")]
    assert parse_captions(as_bytes({"images": images}), "x") == {"p/1.jpg": ["p"], "q/1.jpg": ["q"]}


def test_the_broken_row_of_flickr30k_is_read_and_mentioned(capsys):
    text = "image_name| comment_number| comment\na1.jpg| 3| a man .\na1.jpg| 4   A dog runs across the grass .\n"
    assert parse_captions(text.encode(), "x") == {A: ["a man .", "A dog runs across the grass ."]}
    err = capsys.readouterr().err
    assert err.startswith("warning: x, line 3: a | is missing between 4 and 'A dog") and err.count("\n") == 1


def test_a_quote_at_the_start_of_a_caption_swallows_no_lines_of_a_file_with_tabs():
    text = 'a1.jpg\t"Stop" says the sign\na1.jpg\t"Go\nb2.jpg\tthe end"\n'
    assert parse_captions(text.encode(), "x") == {A: ['"Stop" says the sign', '"Go'], B: ['the end"']}


def test_lists_of_words_instead_of_captions_are_mentioned(capsys):
    words = {f"{i}.jpg": ["a", "brown", "dog", "runs", "on", "grass"] for i in range(9)}
    assert len(parse_captions(as_bytes(words), "x")["0.jpg"]) == 6
    err = capsys.readouterr().err
    assert err.startswith("warning: every caption in x is a single word") and err.count("\n") == 1
    parse_captions(as_bytes(words | {"9.jpg": ["a dog"]}), "x")
    assert capsys.readouterr().err == ""


def test_a_quoted_caption_may_have_line_ends():
    assert parse_captions(b'image,caption\r\na1.jpg,"two\r\nlines"\r\n', "x") == {A: ["two\nlines"]}
    assert parse_captions(b'image\tcaption\na1.jpg\t"two\nlines"\n', "x") == {A: ["two\nlines"]}


@pytest.mark.parametrize("content, message", [
    ('{"a.jpg": ["one"], "a.jpg": ["two"]}', r"x has 'a.jpg' twice, as .*one.* and .*two"),
    ('[{"image": "a.jpg", "caption": "one", "caption": "two"}]', "x has 'caption' twice"),
    ({"images": [{"id": 1, "file_name": A}, {"id": 2, "file_name": A}], "annotations": COCO["annotations"]},
     r"images\[1\]: 'a1.jpg' and id 2 belong to two images"),
    ({"images": COCO["images"], "annotations": [{"image_id": 99, "caption": "one"}]},
     r"annotations\[0\]: expected .* of one of the images"),
    ({"images": [{"filename": A, "cocoid": i, "sentences": [{"raw": "x"}]} for i in (1, 2)]},
     r"images\[1\]: a1.jpg has the id 2 here and 1 before"),
    ([{"image": A, "caption": "x", "split": s} for s in ("train", "test")], "entry 1: a1.jpg is in split test here"),
    ([{"image": A, "caption": "x", "split": "train"}, {"image": B, "caption": "x"}], 'entry 1: b2.jpg has no "split"'),
    ([{"image": A, "caption": "x", "text": "y"}], "entry 0 needs one of .*, not 'caption' and 'text'; exp"),
    ([{"image": A, "Image": B, "caption": "x"}], "entry 0 has both 'image' and 'Image'"),
    ([{"image": A, "caption": "x", "blip_caption": "y"}], "entry 0 needs one of .*, not 'caption' and 'blip_caption'"),
    ([{"image": A, "caption": "x", "reference": "y"}], "entry 0: 'reference' and 'caption' could both be the captions"),
    ([{"image": A, "file_name": B, "caption": "x"}], "entry 0 names two images, 'a1.jpg' and 'b2.jpg'"),
    ({A: {"file_name": B, "caption": "x"}}, "entry 'a1.jpg' names two images, 'a1.jpg' and 'b2.jpg'"),
    ({"blip": records(), "ofa": records()}, "x has captions in 'blip' and in 'ofa'; write each"),
    ({"predictions": records(), "references": records()}, "x has captions in 'predictions' and in 'references'"),
    ({"columns": ["image", "caption"], "data": [[A, "x"], [B]]}, r"data\[1\]: expected a value for each of"),
    ([{"image": {"bytes": "x", "path": None}, "caption": "x"}], "the image has to be a name or a number, not {'bytes'"),
    ("image,caption\n<PIL.JpegImagePlugin.JpegImageFile image mode=RGB size=5x3 at 0x7F>,x\n", "line 2: the image"),
    ("image,generated,caption\na1.jpg,x,y\n", "x, line 1 needs one of .*, not 'generated' and 'caption'"),
    ({A: "train", B: "test"}, "x says the split of each image and has no captions; name it with splits="),
    ({A: [True]}, r"entry 'a1.jpg': expected .*, found '\[true\]'"),
    ({A: ["x", 3]}, "entry 'a1.jpg': expected"),
    ('{"images": [{"id": null, "file_name": "a1.jpg"}], "annotations": [{"caption": "x"}]}', r"images\[0\]: expected"),
    ("image,caption\na1.jpg,nan\n", "line 2: expected image,caption, but the caption of a1.jpg is empty"),
    ({"image": [A, True], "caption": ["x", "y"]}, "entry 1: the image has to be a name or a number, not True"),
    ({"image": [A, B], "caption": ["x", 2]}, "entry 1: expected"),
    (b"PAR1\x15\x04\0", "x is a Parquet file and no text; unpack it, or save what is in it as CSV"),
    (b"\x1f\x8b\x08\0", "x is a gzip archive and no text; unpack it"),
    ([{"image": None, "caption": "x"}], "the image has to be a name or a number, not None"),
    ("a1.jpg,a dog, running\n", r"line 1: expected name,caption, the caption in double quotes"),
    ("a1.jpg,a dog\nb2.jpg,two men,3\n", r"line 2: expected name,caption, the caption in double quotes"),
    ("a1.jpg,2,men\nb2.jpg,a dog\n", r"line 1: expected name,caption, the caption in double quotes"),
    ("a1.jpg\ta dog\tof mine\n", r"line 1: expected name<tab>caption"),
    ("a1.jpg\ta dog\nb2.jpg\t3\tmen\n", r"line 2: expected name<tab>caption"),
    ("a1.jpg#0\ta dog\tein Hund\nb2.jpg#0\ttwo men\tzwei\n", r"line 1: expected name.jpg#0<tab>caption, found"),
    ("image;caption\na1.jpg;a dog; running\n", r"line 2: expected image;caption \(in double quotes if it holds a semi"),
    ("image\tcaption\na1.jpg\n", r"line 2: expected image<tab>caption"),
    ('{"image": "a", "caption": "b"}\n{"image": "c", \n', "line 2: this is not valid JSON"),
    ("[" * 100_000, "is not valid JSON"),
    (b"image,caption\0\n", "line 1: not UTF-8 text"),
    ("image,caption\na.jpg,caf\xe9\n".encode("latin-1"), "line 2: not UTF-8 text; save the file as UTF-8"),
    ("a1.jpg\tb2.jpg#2\t1\t1\t2\n", "line 1: expected name.jpg#0<tab>caption"),  # ExpertAnnotations.txt
    ("just words\nmore words\n", "line 1: expected name.jpg#0<tab>caption, a CSV header image,caption or JSON"),
    ("a1.jpg a dog\nb2.jpg a cat\nc3.jpg a cow\nand no name\n", "line 4: expected name caption, found 'and no name'"),
    ({"train": records()[:2], "val": {A: ["one"]}}, "a1.jpg is in split dev here and in train before"),
])
def test_what_is_not_certain_is_refused_at_its_place(content, message):
    with pytest.raises(UserError, match=message):
        parse_captions(as_bytes(content), "x")


def test_a_picture_that_the_file_puts_into_no_dev_split_is_no_missing_file(tmp_path):
    pictures(tmp_path)
    (tmp_path / "captions.csv").write_text("image,caption,split\n" + "".join(f"{name},x,train\n" for name in NAMES))
    with pytest.raises(UserError, match=r"the split dev of .* has no images"):
        load_dataset("folder", tmp_path)


def test_names_that_are_not_utf_8_on_disk_are_found(tmp_path):
    names = [b"caf\xe9".decode("utf-8", "surrogateescape") + name for name in NAMES]
    try:
        pictures(tmp_path, names)
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    (tmp_path / "captions.csv").write_text("image,caption\n" + "".join(f"caf\u00e9{name},x\n" for name in NAMES),
                                           encoding="utf-8")
    data = load_dataset("folder", tmp_path, split_seed=0)
    assert shade(data, f"caf\u00e9{NAMES[3]}") == 120


@pytest.mark.parametrize("file, content, message", [
    ("a.csv", "image,caption\n".encode("utf-16-le"), r"a\.csv, line 1: not UTF-8 text \(it has zero bytes\)"),
    ("a.xlsx", b"PK\x03\x04\0\0", r"no caption file.*a\.xlsx is no text: unpack it, or save it as CSV"),
])
def test_a_file_that_is_no_text_is_named(tmp_path, file, content, message):
    pictures(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_dataset("folder", tmp_path, split_seed=0)


# ----------------------------------------------------------------------------------------------------- in a folder

NAMES = [f"{1000 + i}_ab{i}.jpg" for i in range(5)]


def pictures(folder, names=NAMES):
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), 40 * i, np.uint8)).save(folder / name, format="PNG")


def shade(data, name):
    return int(data.image(name)[0, 0, 0])


@pytest.mark.parametrize("file, below, written", [
    *((file, "", str) for file in ("captions.csv", "results.csv", "my captions", "Flickr8k.token.txt", "x.dat")),
    *(("a.csv", below, written) for below in ("", "images", "flickr30k/flickr30k_images", "train") for written in (
        lambda name: name[:-4], lambda name: f".\\{name}", lambda name: f"./{name}", lambda name: f"{name}#0",
        lambda name: f"/data/old place/{name}", lambda name: name.replace(".jpg", ".JPG"), str.upper)),
])
def test_a_file_of_any_name_finds_pictures_in_any_folder_however_it_writes_them(tmp_path, capsys, file, below, written):
    pictures(tmp_path / below)
    (tmp_path / file).write_text("image,caption\n" + "".join(f"{written(name)},shade {i}\n"
                                                            for i, name in enumerate(NAMES)))
    data = load_dataset("folder", tmp_path, split_seed=0)
    assert len(data.all_images) == 5 and capsys.readouterr().err == ""
    assert {name: shade(data, name) for name in data.captions} == \
        {name: 40 * int(texts[0].split()[1]) for name, texts in data.captions.items()}


def test_other_files_in_the_folder_are_no_captions(tmp_path, capsys):
    pictures(tmp_path)
    (tmp_path / "flickr.csv").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    (tmp_path / "README.md").write_text("# My pictures\n\nOf 5 dogs.\n")
    (tmp_path / "LICENSE").write_text("2024 nobody\n3 lines\nof 1 text\n")
    (tmp_path / "settings.json").write_text('{"data": "folder", "epochs": 3}')
    (tmp_path / "features.npy").write_bytes(b"\x93NUMPY\0\0\0" * 100)
    (tmp_path / "other.csv").write_text("image,caption\nsomewhere_else.jpg,a cat\n")
    assert len(load_dataset("folder", tmp_path, split_seed=0).images) == 5
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("ending, text", [("txt", "a dog"), ("json", '{"caption": "a dog", "key": "0"}')])
def test_a_file_for_each_picture_is_refused_with_what_to_do(tmp_path, ending, text):
    pictures(tmp_path)
    for name in NAMES:
        (tmp_path / name).with_suffix(f".{ending}").write_text(text)
    with pytest.raises(UserError, match=r"has a file of text for each picture .*; write all captions to one file"):
        load_dataset("folder", tmp_path, split_seed=0)


def test_two_caption_files_are_both_named(tmp_path):
    pictures(tmp_path)
    for file in ("one.csv", "two.txt"):
        (tmp_path / file).write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    with pytest.raises(UserError, match=r"has one\.csv and two\.txt, which all name .*; .* move the others"):
        load_dataset("folder", tmp_path, split_seed=0)


def test_annotations_in_a_folder_of_their_own_are_found(tmp_path):
    pictures(tmp_path / "val2014")
    (tmp_path / "annotations").mkdir()
    images = [{"id": i, "file_name": name} for i, name in enumerate(NAMES)]
    (tmp_path / "annotations" / "instances_val2014.json").write_text(json.dumps(
        {"images": images, "annotations": [{"image_id": 0, "bbox": [1, 2, 3, 4]}]}))
    (tmp_path / "annotations" / "captions_val2014.json").write_text(json.dumps(
        {"images": images, "annotations": [{"image_id": i, "caption": f"shade {i}"} for i in range(5)]}))
    data = load_dataset("folder", tmp_path, split_seed=0)
    assert {name: shade(data, name) for name in data.captions} == {name: 40 * i for i, name in enumerate(NAMES)}


def test_a_file_of_karpathy_gives_the_splits_of_another_with_the_captions(tmp_path, capsys):
    pictures(tmp_path / "Images")
    (tmp_path / "captions.txt").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    (tmp_path / "dataset_flickr8k.json").write_text(json.dumps({"images": [
        {"filename": name, "split": split, "sentences": [{"raw": "other words"}]}
        for name, split in zip(NAMES, ("train", "train", "restval", "val", "test"), strict=True)]}))
    data = load_dataset("folder", tmp_path)
    assert data.splits == {"train": tuple(NAMES[:3]), "dev": (NAMES[3],), "test": (NAMES[4],)}
    assert data.captions[NAMES[0]] == ("a dog",)
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "captions from captions.txt, splits from dataset_flickr8k.json" in err


def test_a_picture_in_two_folders_is_refused_unless_one_of_them_has_all(tmp_path):
    pictures(tmp_path / "full")
    pictures(tmp_path / "thumbs", NAMES[:2])
    (tmp_path / "captions.csv").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    with pytest.raises(UserError, match=r"1000_ab0\.jpg could be .*full.* or .*thumbs"):
        load_dataset("folder", tmp_path, split_seed=0)
    pictures(tmp_path / "images")
    assert load_dataset("folder", tmp_path, split_seed=0).read is not None


def test_two_names_for_one_picture_are_refused(tmp_path):
    pictures(tmp_path)
    (tmp_path / "captions.csv").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in
                                                                       (*NAMES, f"train/{NAMES[0]}")))
    with pytest.raises(UserError, match=r"1000_ab0\.jpg and train/1000_ab0\.jpg are both the picture"):
        load_dataset("folder", tmp_path, split_seed=0)


def test_lists_may_write_names_in_another_way_than_the_captions(tmp_path):
    pictures(tmp_path)
    (tmp_path / "captions.csv").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    for file, names in (("train.txt", NAMES[:3]), ("val.txt", NAMES[3:4]), ("test.txt", NAMES[4:])):
        (tmp_path / file).write_text("".join(f".\\Images\\{name[:-4]}\n" for name in names))
    assert load_dataset("folder", tmp_path).splits["train"] == tuple(NAMES[:3])


def test_a_broken_caption_file_is_named_with_its_line_though_another_would_do(tmp_path, capsys):
    pictures(tmp_path)
    (tmp_path / "captions.csv").write_text(f"image,caption\n{NAMES[0]}\n")
    with pytest.raises(UserError, match=r"captions\.csv, line 2: expected image,caption"):
        load_dataset("folder", tmp_path, split_seed=0)
    (tmp_path / "predictions.json").write_text(json.dumps(dict.fromkeys(NAMES, "a dog")))
    load_dataset("folder", tmp_path, split_seed=0)
    err = capsys.readouterr().err
    assert err.startswith("warning: captions.csv is not used: ") and err.count("\n") == 1
