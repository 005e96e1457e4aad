"""`python -m yuanlu` is the command `yuanlu`."""

from yuanlu.cli import main

if __name__ == "__main__":
    main(prog_name="yuanlu")
