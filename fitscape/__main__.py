"""``python -m fitscape``, for machines that have the code but not the command."""

from fitscape.study.cli import main

if __name__ == "__main__":
    main()
