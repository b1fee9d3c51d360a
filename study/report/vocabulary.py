"""How regimes look and what they mean, in the page and in its pictures."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from fitscape.study.records import Regime


@dataclass(frozen=True)
class Look:
    """Never by colour alone: each regime has its own marker and its name beside it."""

    name: str
    colour: str  # Okabe and Ito (2008): distinct for every kind of colour vision
    symbol: str  # plotly's marker
    marker: str  # matplotlib's
    glyph: str
    dash: str  # of its boundary
    meaning: str


LOOKS: Final = {
    look.name: look
    for look in (
        Look(
            Regime.GOOD, "#009E73", "circle", "o", "●", "solid",
            "As good as the best here: the error on unseen images is about as low as that of the best configuration.",
        ),
        Look(
            Regime.OVERFIT, "#D55E00", "triangle-up", "^", "▲", "dash",
            "The error on unseen images is too high, and most of what is too much does not show on training images: "
            "more data or regularization.",
        ),
        Look(
            Regime.UNDERFIT, "#0072B2", "triangle-down", "v", "▼", "dot",
            "The error on unseen images is too high, and half or more of what is too much shows on the training images "
            "already: more capacity or less regularization. Whether longer training "
            "would help only longer runs can show.",
        ),
        Look(
            Regime.DIVERGED, "#CC79A7", "x", "X", "✕", "dashdot",
            "Training broke down: the loss became infinite, no number at all, or stayed far above that of guessing.",
        ),
        Look(
            Regime.UNTRAINED, "#E69F00", "cross", "P", "✚", "dashdot",
            "Training ran, but ended hardly better than guessing.",
        ),
        Look(
            Regime.UNDECIDED, "#7F7F7F", "diamond-open", "D", "◇", "solid",
            "No regime is likely enough. More images or more seeds would decide; it is not a regime of its own.",
        ),
    )
}  # fmt: skip
UNLABELLED: Final = Look(
    "no label", "#7F7F7F", "circle-open", ".", "○", "solid", "The trial has not ended, or it failed."
)


def as_json() -> list[dict[str, Any]]:
    """Every look, the unlabelled one last; trials refer to them by position."""
    return [asdict(look) for look in (*LOOKS.values(), UNLABELLED)]


def position(regime: str | None) -> int:
    """Where a regime stands in :func:`as_json`."""
    return list(LOOKS).index(regime) if regime in LOOKS else len(LOOKS)
