"""A study in a script or a notebook: what to use, what to look at, and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import LEDGER
from fitscape.study.ledger import Ledger
from fitscape.study.measures.wording import short
from fitscape.study.opened import OpenStudy
from fitscape.study.opened import open_study as opened
from fitscape.study.paths import expanded
from fitscape.study.records import Regime

if TYPE_CHECKING:
    from fitscape.study.comparing import Comparison
    from fitscape.study.report.plots import Figure


@dataclass(frozen=True)
class Recommendation:
    """The point of the map that is likeliest to be good."""

    point: Mapping[str, Any]  # hyperparameter -> value
    good: float  # probability that a net trained there is good
    val_error: float  # expected (median)
    low: float  # 90 % interval of it
    high: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(str(k))}</th><td>{escape(short(v))}</td></tr>" for k, v in self.point.items())
        return f"<p>{escape(self.sentence)}</p><table>{rows}</table>"


class Study(OpenStudy):
    """A study of a folder. ``exit_code`` says how the run ended that this is the result of."""

    exit_code: ExitCode = ExitCode.DONE

    @classmethod
    def at(cls, folder: Path, code: ExitCode) -> "Study":
        """The study in a folder, after a run that ended with a code.

        Raises:
            UserError: the run ended before there was a study.
        """
        if not (folder / LEDGER).is_file():
            raise UserError("ended before it had a ledger", where=str(folder), fix="run it again")
        study = cls(folder, Ledger.open(folder / LEDGER, read_only=True))
        study.exit_code = code
        return study

    @cached_property
    def recommendation(self) -> Recommendation:
        """What to use, from the map.

        Raises:
            UserError: there is no map yet.
        """
        from fitscape.study.report.advise import advised

        point, found, sentence = advised(self)
        return Recommendation(point, found["good"], found["val_error"], found["low"], found["high"], sentence)

    def compare(self, *others: OpenStudy) -> "Comparison":
        """This study beside one or two others: held-out images, training, best errors, areas that changed regime.

        ``fitscape compare`` shows the same.

        Raises:
            UserError: no other study, more than two, or one study twice.
        """
        from fitscape.study.comparing import compare

        return compare([self, *others])

    def plot_map(
        self,
        x: str | None = None,
        y: str | None = None,
        *,
        at: Mapping[str, Any] | None = None,
        tau: float | None = None,
    ) -> "Figure":
        """The regimes over two hyperparameters as a plotly figure.

        Args:
            x: numeric hyperparameter; None: the one that matters most.
            y: another one; None: the next.
            at: values of other hyperparameters; None: where nets do best.
            tau: excess error that still counts as good; None: the study's.

        Raises:
            UserError: there is no map, or a name is no numeric hyperparameter of it.
        """
        from fitscape.study.report.plots import plot_map

        return plot_map(self, x, y, at or {}, tau)

    def plot_curves(self, trials: str | Sequence[str] | None = None) -> "Figure":
        """Training and validation error against epoch, by regime; ``trials`` are ids or one, None: all of them."""
        from fitscape.study.report.plots import plot_curves

        return plot_curves(self, [trials] if isinstance(trials, str) else trials)

    def plot_gap(self) -> "Figure":
        """Validation error against training error, a marker for each trial: how far above the diagonal is the gap."""
        from fitscape.study.report.plots import plot_gap

        return plot_gap(self)

    def _repr_html_(self) -> str:
        counts = {regime: sum(label.regime is regime for label in self.labels.values()) for regime in Regime}
        cells = "".join(f"<tr><th>{regime}</th><td>{count}</td></tr>" for regime, count in counts.items() if count)
        ended = sum(trial.state.terminal for trial in self.trials)
        head = f"{escape(self.config.name)}: {ended} of {self.config.search.trials} trials ended"
        return f"<p><b>{head}</b><br><code>{escape(str(self.folder))}</code></p><table>{cells}</table>"


def open_study(folder: str | Path) -> Study:
    """The study in a folder, finished or running.

    Raises:
        UserError: no study there, or its ledger is damaged.
    """
    found = opened(expanded(folder))
    return Study(found.folder, found.ledger)
