"""What a look at a machine or a cluster finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PreflightCheck:
    """One thing that was looked at; ``fix`` is empty where it is well.

    A fault that is not ``fatal`` is said, and the run goes on: a node or a card that is left out, one that stays idle.
    A ``warning`` is no fault: nothing is broken, but the answer may be less than what is hoped for.
    """

    what: str
    ok: bool
    fix: str = ""
    fatal: bool = True
    warning: bool = False

    @property
    def sign(self) -> str:
        return "ok" if self.ok else "WARN" if self.warning else "FAULT"
