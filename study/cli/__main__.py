"""``python -m study.cli``, for machines that have the code but not the command."""

from study.cli import main

if __name__ == "__main__":
    main()
