"""Figures: they show the numbers, equal numbers give equal files, and hostile text does no harm."""

import pytest
from PIL import Image

from hub.figures import funnel_figure, save, spread_figure, statuses_figure

HOSTILE = r"$\frac{$ \n % {} ^_"
ROWS = {"functions": {"train": 18}, "tasks": {"train": 29, "test": 1}}
DROPPED = {"functions": {"no_generator": 2, "syntax_error": 9, "not_json": 1}, "codeio": {HOSTILE: 7}}


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_funnel_shows_rows_and_the_most_frequent_reasons(tmp_path):
    figure = funnel_figure(ROWS, DROPPED)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["functions", "tasks", "codeio"]
    assert texts(figure) == [
        "18    12 not used: 9 syntax_error, 2 no_generator, …",
        "30",
        f"0    7 not used: 7 {HOSTILE}",
    ]


def test_histograms_leave_out_nulls():
    figure = spread_figure({"input": [3, None, 5, float("nan")], "output": [None]}, "tokens")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["input: 2, median 4"]
    assert sum(patch.get_height() for patch in figure.axes[0].patches) == 2
    figure = spread_figure({"input": range(100_000)}, "tokens")
    assert len(figure.axes[0].patches) <= 41
    assert sum(patch.get_height() for patch in figure.axes[0].patches) == 100_000


@pytest.mark.parametrize(
    "drawn",
    [
        lambda: statuses_figure({HOSTILE: {"0": {"correct": 1, HOSTILE: 3}}}),
        lambda: statuses_figure({}),
        lambda: funnel_figure(ROWS, DROPPED),
        lambda: funnel_figure({}, {}),
        lambda: spread_figure({HOSTILE: [1, 2]}, "tokens"),
        lambda: spread_figure({}, "tokens"),
        lambda: spread_figure({"input": [0, 0.5, 1]}, "share", [-0.25, 0.25, 0.75, 1.25]),
    ],
)
def test_equal_numbers_give_equal_files(drawn, tmp_path):
    files = [tmp_path / "pictures" / name for name in ("a.png", "b.png")]
    for file in files:
        figure = drawn()
        assert figure.axes  # without axes, a notebook shows nothing
        save(figure, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    with Image.open(files[0]) as image:
        assert min(image.convert("RGB").getpixel((0, 0))) > 240  # the background is light, not transparent
