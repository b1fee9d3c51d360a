"""Errors that a user can fix, and the exit codes of the command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of ``fitscape``; scripts and CI jobs rely on them."""

    DONE = 0
    BAD_INPUT = 2
    TRIALS_FAILED = 3
    REPORT_FAILED = 4
    HUNG_UP = 129  # these are 128 and the number of the signal that ended the run
    INTERRUPTED = 130
    USER_1 = 138
    USER_2 = 140
    TERMINATED = 143


class UserError(ValueError):
    """Something that the user can fix: one line that says what, where, and what would be right.

    The command prints it without a traceback and leaves with ``exit_code``.
    """

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__("".join((f"{where}: " if where else "", what, f" ({fix})" if fix else "")))


class StudyLocked(UserError):
    """Another driver holds the study."""


class StudyChanged(UserError):
    """The frozen config, the data or the code differ from those the study was started with."""


class LedgerDamaged(UserError):
    """The study's records cannot be read; the text says whether there is a backup."""
