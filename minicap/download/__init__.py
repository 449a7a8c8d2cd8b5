"""Data sets and weights from the network, verified; ``python -m minicap.download`` is in __main__.py."""
