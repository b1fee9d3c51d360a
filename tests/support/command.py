"""What a command of ``fitscape`` did, for the tests of the command."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line of an error that the user can fix."""
        assert self.code == 2, self
        assert self.out == ""
        assert self.err.startswith("fitscape: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("fitscape: ").rstrip("\n")


Command = Callable[..., Ran]
