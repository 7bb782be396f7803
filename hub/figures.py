"""The figures of cards and notebooks, each drawn from plain numbers.

In: what `builders.tables.counts` counts, or columns of a table. Out: a matplotlib figure, which a notebook
shows and `save` writes: the same bytes for the same numbers and version of matplotlib. Its ground is its
own, so that it can be read on a light page and on a dark one. Text of rows shows nothing but itself.

Not covered: `%matplotlib inline`, without which a notebook shows a figure's name.
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

GROUND, INK = "#fbfbf9", "#22262b"
# Told apart also by those who see no red or green, and in grey (Okabe and Ito's palette, by lightness).
COLOURS: dict[str, str] = dict(
    zip(STATUSES, ("#009e73", "#d55e00", "#cc79a7", "#b8bec5", "#f0c63c"), strict=True)
)
KEPT, NOT_USED = "#56b4e9", "#b8bec5"
LEAST_LABELLED = 0.06
"""Of a bar's length: what is shorter has no room for its number."""
MOST_REASONS, MOST_CHARS, MOST_BARS = 2, 28, 40


def statuses_figure(statuses: dict[str, dict[str, dict[str, int]]]) -> Figure:
    """How good answers are, one bar a direction and turn (CodeI/O, Figure 7)."""
    bars = [
        (f"{direction}, turn {turn}", found)
        for direction, turns in statuses.items()
        for turn, found in turns.items()
    ]
    if not bars:
        return _empty("No answers: there is no table turns, or none with its tasks.")
    figure, axes = _bars([name for name, _ in bars])
    for row, (_, found) in enumerate(bars):
        total, left = sum(found.values()), 0.0
        for status in STATUSES:
            share = found.get(status, 0) / total
            axes.barh(row, share, left=left, color=COLOURS[status], edgecolor=GROUND, height=0.72)
            if share >= LEAST_LABELLED:
                axes.text(left + share / 2, row, f"{100 * share:.0f} %", ha="center", va="center", color=INK)
            left += share
        axes.text(1.01, row, f"{total:,}", ha="left", va="center", color=INK)
    axes.set_xlim(0, 1)
    _legend(figure, COLOURS)
    return figure


def funnel_figure(rows: Mapping[str, Mapping[str, int]], dropped: Mapping[str, Mapping[str, int]]) -> Figure:
    """What each stage made and could not use: `rows` by config and split, `dropped` by stage and reason."""
    shown = [stage for stage in stages() if stage in rows or stage in dropped]
    if not shown:
        return _empty("No rows.")
    figure, axes = _bars(shown)
    kept = [sum(rows.get(stage, {}).values()) for stage in shown]
    reasons = [dropped.get(stage, {}) for stage in shown]
    longest = max(n + sum(why.values()) for n, why in zip(kept, reasons, strict=True))
    for row, (n_kept, why) in enumerate(zip(kept, reasons, strict=True)):
        n_not = sum(why.values())
        axes.barh(row, n_kept, color=KEPT, edgecolor=GROUND, height=0.72)
        axes.barh(row, n_not, left=n_kept, color=NOT_USED, edgecolor=GROUND, height=0.72)
        told = f"{n_kept:,}" + (f"    {n_not:,} not used: {_named(why)}" if why else "")
        axes.text(n_kept + n_not + 0.01 * longest, row, told, va="center", color=INK, parse_math=False)
    axes.set_xlim(0, 1.9 * longest)  # room for what is written beside the longest bar
    _legend(figure, {"rows": KEPT, "not used": NOT_USED})
    return figure


def spread_figure(
    values: Mapping[str, Sequence[float]], what: str, edges: Sequence[float] | None = None
) -> Figure:
    """How numbers are spread, one panel a name; nulls are left out. `edges` of bars, else for integers."""
    known = {name: found[~np.isnan(found)] for name, found in ((n, _floats(v)) for n, v in values.items())}
    known = {name: found for name, found in known.items() if len(found)}
    if not known:
        return _empty(f"Nothing is known: {what}.")
    figure = Figure(figsize=(9, 0.7 + 1.8 * len(known)), dpi=150, facecolor=GROUND, layout="constrained")
    panels = list(figure.subplots(len(known), sharex=True, squeeze=False)[:, 0])
    bins = _edges(np.concatenate(list(known.values()))) if edges is None else edges
    for axes, (name, found) in zip(panels, known.items(), strict=True):
        axes.hist(found, bins, color=KEPT, edgecolor=GROUND)
        median = float(np.median(found))
        axes.axvline(median, color=INK, linestyle="--", linewidth=1)
        axes.set_title(
            f"{name}: {len(found):,}, median {median:,.4g}",
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
    panels[-1].set_xlabel(what, color=INK)
    return figure


def save(figure: Figure, file: Path) -> None:
    """Write a figure as a PNG file."""
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, metadata={"Software": None})


def _floats(values: Sequence[Any]) -> Any:
    return np.array([np.nan if value is None else value for value in values], float)


def _edges(integers: Any) -> Any:
    """Bars that hold the same number of integers each."""
    low, high = integers.min(), integers.max()
    width = math.ceil((high - low + 1) / MOST_BARS)
    return np.arange(low, high + 1 + width, width) - 0.5


def _bars(names: Sequence[str]) -> tuple[Figure, Axes]:
    """An empty figure with a row for each name, from top to bottom."""
    figure = Figure(figsize=(9, 1.3 + 0.5 * len(names)), dpi=150, facecolor=GROUND, layout="constrained")
    axes = figure.subplots()
    _plain(axes)
    for label in axes.set_yticks(range(len(names)), names, color=INK):
        label.label1.set_parse_math(False)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.tick_params(length=0)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.set_facecolor(GROUND)
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


def _named(reasons: Mapping[str, int]) -> str:
    """The most frequent reasons on one line."""
    most = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{n:,} {' '.join(str(reason).split())[:MOST_CHARS]}" for reason, n in most[:MOST_REASONS]]
    return ", ".join(told) + (", …" if len(most) > MOST_REASONS else "")


def _empty(why: str) -> Figure:
    figure, axes = _bars([""])  # without axes a notebook would not show it
    axes.text(0.5, 0, why, ha="center", va="center", color=INK)
    return figure
