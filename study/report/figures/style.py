"""How still pictures look: white ground, thin axes, one font size."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK, SOFT, RULE = "#1f2428", "#555d63", "#dedad1"


def panels(n: int, *, width: float = 3.6, height: float = 3.4, most: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure of n panels, at most ``most`` in a row; sizes in inches a panel. No global state is touched."""
    columns = min(n, most)
    rows = -(-n // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained", facecolor="white")
    axes = [figure.add_subplot(rows, columns, k + 1) for k in range(n)]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(SOFT)
        ax.tick_params(colors=SOFT, labelsize=8)
    return figure, axes


def title(ax: Axes, text: str) -> None:
    """Names are the user's: no mathematics is read into them."""
    ax.set_title(text, fontsize=10, fontweight="bold", color=INK, loc="left", parse_math=False)


def error_axis(ax: Axes, text: str) -> None:
    ax.set_ylabel(text, fontsize=9, color=INK)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}%"))
    ax.grid(axis="y", color=RULE, linewidth=0.7)
    ax.set_axisbelow(True)
