"""Weights of frameworks that are not read, told by their first and last bytes or, where these say nothing, by name.

Caffe, ONNX and TensorFlow write protocol buffers, which begin with a field's tag (its number · 8 + its type), so they
are told by the fields that such a file begins with.
"""

import re

CURE = "which is not read: use the Keras .h5, the PyTorch .pth or the .npz of the same network"
TABLE_MAGIC = bytes.fromhex("57fb808b247547db")  # at the end of TensorFlow's .index and of its first .ckpt

_BY_NAME = ((r"\.caffemodel", "a Caffe model"), (r"\.onnx", "an ONNX model"), (r"\.t7", "a Torch7 file"),
            (r"\.data-\d{5}-of-\d{5}", "a part of a TensorFlow checkpoint"), (r"\.ckpt", "a TensorFlow checkpoint"),
            (r"\.(ckpt|index|meta)", "a part of a TensorFlow checkpoint"), (r"\.pb", "a TensorFlow graph"),
            (r"\.tflite", "a TensorFlow Lite model"), (r"\.params", "an MXNet file"))


def other_framework(name, head, tail):
    """Whose weights a file called ``name`` holds, from ``head``, its first bytes, to ``tail``; in words, or None."""
    if re.match(rb"[\x03\x04]\0\0\0\x01\0\0\0", head):  # a table or an object, the first of the file
        return "a Torch7 file (.t7)"
    if tail.endswith(TABLE_MAGIC):
        return "a TensorFlow checkpoint"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model"
    if head[:8] == b"\x12\x01\0\0\0\0\0\0":
        return "an MXNet file (.params)"
    if head[:3] == b"\x08\x01\x12":  # version 1, then the first graph
        return "a TensorFlow SavedModel (.pb) or a first Core ML model (.mlmodel)"
    if re.match(rb"\x08[\x02-\x20]\x12[\x01-\xff][\x01-\x7f]?\x0a", head):  # version, then a description of inputs
        return "a Core ML model (.mlmodel)"
    if re.match(rb"\x08[\x02-\x20][\x12\x1a\x22\x28\x32\x3a\x42]", head):  # version of the format, then who made it
        return "an ONNX model"
    if re.match(rb"\x0a[\x01-\xff][\x01-\x7f]?\x0a[\x01-\x7f][\w/]+\x12[\x01-\x7f]\w+", head):  # name, operation
        return "a TensorFlow graph (.pb)"
    if re.match(rb"[\x81-\x8f][\xa1-\xbf][ -~]+", head):  # a map, whose first key is a string
        return "a MessagePack file (.msgpack), as Flax writes"
    if head[:1] == b"\x0a" and len(head) > 2 and head[1] < 0x80 and re.fullmatch(rb"[ -~]+", head[2:2 + head[1]]):
        return "a Caffe model (.caffemodel)"  # it begins with the name of the network
    return next((words for ending, words in _BY_NAME if re.search(rf"{ending}$", name.lower())), None)
