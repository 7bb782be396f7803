"""The figures of cards and notebooks, each drawn from plain numbers.

In: counts of `builders.tables.counts`, or columns of a table. Out: a matplotlib figure, which a notebook
shows and `save` writes: the same bytes for the same numbers and version of matplotlib. A figure sets its own
background, so that it can be read on light and dark pages, and shows the text of rows literally.

Not covered: `%matplotlib inline`, without which a notebook shows only a figure's name.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from builders.schema import stages
from builders.verifier import STATUSES

BACKGROUND, INK = "#fbfbf9", "#22262b"
# Distinct for colour-blind readers, and by lightness in grey (colours of Okabe and Ito's palette).
COLOURS: dict[str, str] = dict(
    zip(STATUSES, ("#009e73", "#d55e00", "#cc79a7", "#b8bec5", "#f0c63c"), strict=True)
)
KEPT, NOT_USED = "#56b4e9", "#b8bec5"
MIN_LABELLED_SHARE = 0.06
"""A part of a bar with a smaller share has no room for its number."""
MOST_REASONS, MOST_CHARS, MOST_BARS = 2, 28, 40


def statuses_figure(statuses: dict[str, dict[str, dict[str, int]]]) -> Figure:
    """Return a figure of answers by status, with one bar for each direction and turn (CodeI/O, Figure 7).

    `statuses` has the number of answers by direction, turn and status.
    """
    bars = [
        (f"{direction}, turn {turn}", counts)
        for direction, turns in statuses.items()
        for turn, counts in turns.items()
    ]
    if not bars:
        return _empty("No answers: the table turns is missing, or its tasks are.")
    figure, axes = _bars([name for name, _ in bars])
    for row, (_, counts) in enumerate(bars):
        total, left = sum(counts.values()), 0.0
        for status in STATUSES:
            share = counts.get(status, 0) / total
            axes.barh(row, share, left=left, color=COLOURS[status], edgecolor=BACKGROUND, height=0.72)
            if share >= MIN_LABELLED_SHARE:
                axes.text(left + share / 2, row, f"{100 * share:.0f} %", ha="center", va="center", color=INK)
            left += share
        axes.text(1.01, row, f"{total:,}", ha="left", va="center", color=INK)
    axes.set_xlim(0, 1)
    _legend(figure, COLOURS)
    return figure


def funnel_figure(rows: Mapping[str, Mapping[str, int]], dropped: Mapping[str, Mapping[str, int]]) -> Figure:
    """Return a figure of the rows that each stage made and dropped.

    `rows` has their numbers by config and split, `dropped` by stage and reason.
    """
    shown = [stage for stage in stages() if stage in rows or stage in dropped]
    if not shown:
        return _empty("No rows.")
    figure, axes = _bars(shown)
    kept = [sum(rows.get(stage, {}).values()) for stage in shown]
    reasons = [dropped.get(stage, {}) for stage in shown]
    longest = max(n + sum(by_reason.values()) for n, by_reason in zip(kept, reasons, strict=True))
    for row, (n_kept, by_reason) in enumerate(zip(kept, reasons, strict=True)):
        n_dropped = sum(by_reason.values())
        axes.barh(row, n_kept, color=KEPT, edgecolor=BACKGROUND, height=0.72)
        axes.barh(row, n_dropped, left=n_kept, color=NOT_USED, edgecolor=BACKGROUND, height=0.72)
        label = f"{n_kept:,}" + (f"    {n_dropped:,} not used: {_top(by_reason)}" if by_reason else "")
        axes.text(n_kept + n_dropped + 0.01 * longest, row, label, va="center", color=INK, parse_math=False)
    axes.set_xlim(0, 1.9 * longest)  # room for the label beside the longest bar
    _legend(figure, {"rows": KEPT, "not used": NOT_USED})
    return figure


def spread_figure(
    values: Mapping[str, Sequence[float]], x_label: str, edges: Sequence[float] | None = None
) -> Figure:
    """Return a figure of histograms, one panel for each name in `values`; nulls are left out.

    `edges` are those of the bars; the default suits integers.
    """
    floats = {name: _floats(column) for name, column in values.items()}
    numbers = {name: column[~np.isnan(column)] for name, column in floats.items()}
    numbers = {name: column for name, column in numbers.items() if len(column)}
    if not numbers:
        return _empty(f"No values: {x_label}.")
    figure = Figure(
        figsize=(9, 0.7 + 1.8 * len(numbers)), dpi=150, facecolor=BACKGROUND, layout="constrained"
    )
    panels = list(figure.subplots(len(numbers), sharex=True, squeeze=False)[:, 0])
    bins = _edges(np.concatenate(list(numbers.values()))) if edges is None else edges
    for axes, (name, column) in zip(panels, numbers.items(), strict=True):
        axes.hist(column, bins, color=KEPT, edgecolor=BACKGROUND)
        median = float(np.median(column))
        axes.axvline(median, color=INK, linestyle="--", linewidth=1)
        axes.set_title(
            f"{name}: {len(column):,}, median {median:,.4g}",
            loc="left",
            color=INK,
            fontsize=10,
            parse_math=False,
        )
        _plain(axes)
        axes.spines["bottom"].set_visible(True)
        axes.spines["bottom"].set_color(INK)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.tick_params(colors=INK)
    panels[-1].set_xlabel(x_label, color=INK)
    return figure


def save(figure: Figure, file: Path) -> None:
    """Write a figure as a PNG file."""
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, metadata={"Software": None})


def _floats(values: Sequence[Any]) -> Any:
    return np.array([np.nan if value is None else value for value in values], float)


def _edges(integers: Any) -> Any:
    """Return the edges of at most `MOST_BARS` bars that each cover the same number of integers."""
    low, high = integers.min(), integers.max()
    width = math.ceil((high - low + 1) / MOST_BARS)
    return np.arange(low, high + 1 + width, width) - 0.5


def _bars(names: Sequence[str]) -> tuple[Figure, Axes]:
    """Return an empty figure with a row for each name, from top to bottom."""
    figure = Figure(figsize=(9, 1.3 + 0.5 * len(names)), dpi=150, facecolor=BACKGROUND, layout="constrained")
    axes = figure.subplots()
    _plain(axes)
    for label in axes.set_yticks(range(len(names)), names, color=INK):
        label.label1.set_parse_math(False)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.tick_params(length=0)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.set_facecolor(BACKGROUND)
    axes.spines[:].set_visible(False)


def _legend(figure: Figure, colours: Mapping[str, str]) -> None:
    figure.legend(
        handles=[Patch(color=colour) for colour in colours.values()],
        labels=list(colours),
        loc="outside upper center",
        ncols=len(colours),
        frameon=False,
        labelcolor=INK,
    )


def _top(reasons: Mapping[str, int]) -> str:
    """Return the most frequent reasons on one line."""
    by_count = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    texts = [f"{n:,} {' '.join(str(reason).split())[:MOST_CHARS]}" for reason, n in by_count[:MOST_REASONS]]
    return ", ".join(texts) + (", …" if len(by_count) > MOST_REASONS else "")


def _empty(why: str) -> Figure:
    figure, axes = _bars([""])  # a notebook would not show a figure without axes
    axes.text(0.5, 0, why, ha="center", va="center", color=INK)
    return figure
