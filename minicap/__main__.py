"""python -m minicap: the command ``minicap``, where pip has not put it on the path."""

from .command import main

if __name__ == "__main__":
    main()
