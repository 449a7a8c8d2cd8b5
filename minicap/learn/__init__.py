"""The lessons' runner: python -m minicap.learn. It knows the library; the library knows nothing of it."""
