"""The live view of a terminal."""

from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fitscape.study.cli.lines import closing, whole_list
from fitscape.study.cli.tally import Tally
from fitscape.study.cli.view import View
from fitscape.study.cli.wording import described, duration, left_out, named, outcome, val_error
from fitscape.study.records import Regime, TrialState
from fitscape.study.scheduling.events import DataRead, Event, Finished, Message, Started, TrialEnded

# Marks, so that no regime is marked by its colour alone.
REGIME_STYLE = {
    Regime.GOOD: ("●", "green"),
    Regime.OVERFIT: ("▲", "magenta"),
    Regime.UNDERFIT: ("▼", "blue"),
    Regime.UNTRAINED: ("○", "yellow"),
    Regime.DIVERGED: ("✕", "red"),
    Regime.UNDECIDED: ("?", ""),
}


class Screen(View):
    """Redrawn in place four times a second; messages and failed trials scroll by above it."""

    def __init__(self, folder: Path, console: Console | None = None) -> None:
        super().__init__(folder)
        self.console = console or Console()
        self._live = Live(console=self.console, get_renderable=self._draw, refresh_per_second=4, transient=True)

    def show(self, event: Event) -> None:
        match event:
            case Started():
                self._live.start()
            case DataRead() if unread := left_out(event.summary):
                self.console.print(Text(whole_list(unread, self.tally), style="yellow"), soft_wrap=True)
            case TrialEnded() if event.trial.state is TrialState.FAILED:
                self.console.print(Text(outcome(event.trial), style="red"))
            case Message():
                self.console.print(Text(event.text))
            case Finished():
                self.close()
                self.console.print(Text("\n".join(closing(self.tally, event.summary))), soft_wrap=True)

    def close(self) -> None:
        self._live.stop()

    def _draw(self) -> Group:
        with self.lock:
            return drawing(self.tally)


def drawing(tally: Tally) -> Group:
    """The tally as rich draws it, for 80 characters and more."""
    total, left = tally.total or 0, tally.left
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        Text(tally.folder.name, style="bold"),
        ProgressBar(total=max(total, 1), completed=tally.ended, width=30),
        Text(f"{tally.ended}/{total}"),
        Text(f"{duration(left)} left" if left is not None else duration(tally.elapsed)),
    )
    rows = Table.grid(padding=(0, 2))
    rows.add_row("trials", _states(tally))
    rows.add_row("regimes", _regimes(tally))
    if tally.best:
        best = f"{named(tally.metric)} {val_error(tally.best):.4f}  {described(tally.best)}"
        rows.add_row("best", Text(best, overflow="ellipsis", no_wrap=True))
    rows.add_row("speed", f"{tally.images_per_second:,.0f} images/s")
    behind = f"{tally.backlog:,} points pending" if tally.backlog else "all points shipped"
    rows.add_row("MLflow", Text(behind, style="yellow" if tally.backlog else ""))
    return Group(bar, rows)


def _states(tally: Tally) -> Text:
    text = Text(f"{tally.ended} done, {len(tally.speeds)} running")
    for state in (TrialState.FAILED, TrialState.DIVERGED, TrialState.STOPPED):
        if count := tally.states[state]:
            text.append(f", {count} {state}", style="red" if state is TrialState.FAILED else "")
    return text


def _regimes(tally: Tally) -> Text:
    if not tally.regimes:
        return Text("none yet", style="dim")
    parts = [
        Text(f"{REGIME_STYLE[r][0]} {n} {r}", style=REGIME_STYLE[r][1])
        for r, n in tally.regimes.items()
        if r is not Regime.UNDECIDED
    ]
    mark, style = REGIME_STYLE[Regime.UNDECIDED]
    parts += [Text(f"{mark} {n} {names}", style=style) for names, n in tally.between.items()]
    return Text("  ").join(parts)
