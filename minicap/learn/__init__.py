"""The runner of the lessons: python -m minicap.learn. It uses the library; the library does not depend on it."""
