"""What trials that ran in full say about the verdicts they would have had."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.stats import beta

MOST_FLIPS = 0.03  # of the audited verdicts
DOUBT = 0.2  # the flip rate's quantile that must exceed MOST_FLIPS before the rule grows stricter


@dataclass(frozen=True)
class Verdict:
    """What the rule would have said at one rung of an audited trial."""

    label: str
    probability: float
    enough: bool  # whether it would have ended without a label: its forecast tells a map what its end would


@dataclass(frozen=True)
class Audit:
    """The audited trials that would have been stopped, at the least strict threshold that holds."""

    stopped: int  # audited trials that would have been stopped with a label
    flipped: int  # of those, how many ended in another regime
    unlabelled: int  # audited trials that would have been stopped without one
    threshold: float  # probability now asked for; above 1: nothing is stopped any more

    @property
    def flip_rate(self) -> float:
        return self.flipped / self.stopped if self.stopped else float("nan")

    @property
    def text(self) -> str:
        """One line for people."""
        if not self.stopped:
            return "no audited trial would have been stopped with a label yet"
        line = f"{self.flipped} of {self.stopped} audited stops would have had another label"
        return line if self.threshold <= 1 else f"{line}: too many, so no trial is stopped any more"


def audit(ends: Sequence[tuple[Sequence[Verdict], str]], asked: float) -> Audit:
    """Verdicts of each audited trial, in the order of its rungs, against the label it ended with.

    Args:
        asked: the probability that the config asks for. It rises, halving the doubt, while too many labels flip.
    """
    for threshold in (1 - (1 - asked) / 2**k for k in range(5)):
        firsts = [(_first(verdicts, threshold), end) for verdicts, end in ends]
        stops = [(verdict, end) for verdict, end in firsts if verdict is not None]
        labelled = [(verdict.label, end) for verdict, end in stops if verdict.probability >= threshold]
        flipped = sum(label != end for label, end in labelled)
        result = Audit(len(labelled), flipped, len(stops) - len(labelled), threshold)
        if not labelled or beta.ppf(DOUBT, flipped + 0.5, len(labelled) - flipped + 0.5) <= MOST_FLIPS:
            return result
    return replace(result, threshold=2.0)


def _first(verdicts: Sequence[Verdict], threshold: float) -> Verdict | None:
    """The verdict at which the trial would have ended."""
    return next((v for v in verdicts if v.enough or v.probability >= threshold), None)
