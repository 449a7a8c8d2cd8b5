"""Lesson 0: how this works. Fill in what is still to do, then `python -m minicap.learn check`."""


def numbers_in(H, W, C):
    """How many numbers a picture of H x W pixels has, with C numbers in each pixel.

        numbers_in(2, 3, 3) is 18
    """
    raise NotImplementedError("exercise 0.1 is still to do")
