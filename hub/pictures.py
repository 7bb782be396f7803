"""The picture of the card: how good the answers are, by direction and turn (CodeI/O, Figure 7).

In: the numbers of a card. Out: a PNG file, the same bytes for the same numbers and version of matplotlib. Its
ground is its own, so that it can be read on a light page and on a dark one.
"""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hub.verifier import STATUSES

GROUND, INK = "#fbfbf9", "#22262b"
# Told apart also by those who see no red or green, and in grey (Okabe and Ito's palette, by lightness).
COLOURS = dict(zip(STATUSES, ("#009e73", "#d55e00", "#cc79a7", "#b8bec5", "#f0c63c"), strict=True))
LEAST_LABELLED = 0.06
"""Of a bar's length: what is shorter has no room for its number."""


def statuses_picture(statuses: dict[str, dict[str, dict[str, int]]], file: Path) -> None:
    """Draw `statuses`, as `builders.counts` gives them, one bar a direction and turn."""
    bars = [
        (f"{direction}, turn {turn}", found)
        for direction, turns in statuses.items()
        for turn, found in turns.items()
    ]
    figure = Figure(figsize=(9, 1.3 + 0.5 * len(bars)), dpi=150, facecolor=GROUND, layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor(GROUND)
    for row, (_, found) in enumerate(bars):
        total, left = sum(found.values()), 0.0
        for status in STATUSES:
            share = found.get(status, 0) / total
            axes.barh(row, share, left=left, color=COLOURS[status], edgecolor=GROUND, height=0.72)
            if share >= LEAST_LABELLED:
                axes.text(left + share / 2, row, f"{100 * share:.0f} %", ha="center", va="center", color=INK)
            left += share
        axes.text(1.01, row, f"{total:,}", ha="left", va="center", color=INK)
    axes.set_yticks(range(len(bars)), [name for name, _ in bars], color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.legend(
        handles=[Patch(color=colour) for colour in COLOURS.values()],
        labels=list(COLOURS),
        loc="outside upper center",
        ncols=len(COLOURS),
        frameon=False,
        labelcolor=INK,
    )
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, metadata={"Software": None})
