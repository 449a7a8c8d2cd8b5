"""Verified downloads of data sets and weights; ``python -m minicap.download`` is in __main__.py."""
