"""Answers side by side: which are chosen, and that text of rows is shown literally."""

from html.parser import HTMLParser

import pytest

from builders.schema import TABLES
from builders.tables.arrow import table
from builders.tables.folder import Folder
from hub.report.side_by_side import MOST_ANSWERS, questions, side_by_side

HOSTILE = '</pre><script>alert(1)</script><img src=x onerror="alert(2)"> $x$ &lt; "\'>'


def folder(tmp_path, answers, tasks=()):
    """Write a folder of `answers`, each given by its task, sample, turn and status."""
    names = ("task_id", "sample", "turn", "status")
    turns = [
        {**dict(zip(names, answer, strict=True)), "response": f"reply {n}"}
        for n, answer in enumerate(answers)
    ]
    written = Folder(tmp_path / "out")
    (written.root / ".codeio").mkdir(parents=True)
    written.write("turns", {"train": table(turns, TABLES["turns"].features)})
    if tasks:
        written.write("tasks", {"test": table(list(tasks), TABLES["tasks"].features)})
    return written


class Tags(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_tasks_with_right_and_wrong_answers_come_first(tmp_path):
    dataset = folder(
        tmp_path,
        [
            ("a", 0, 0, "correct"),
            ("b", 0, 0, "wrong"),
            ("b", 0, 1, "exception"),
            ("c", 0, 0, "wrong"),
            ("c", 0, 1, "correct"),
            ("d", 0, 0, "correct"),
            ("d", 1, 0, "correct"),
            (None, 0, 0, "wrong"),
        ],
    )
    assert questions(dataset) == ["c", "b", "a", "d"]


def test_a_right_answer_is_among_those_shown(tmp_path):
    answers = [("a", sample, 0, "wrong") for sample in range(9)]
    dataset = folder(tmp_path, [*answers, ("a", 9, 0, "correct"), ("b", 0, 0, "wrong")])
    shown = Tags(side_by_side(dataset, "a"))
    assert [n for n in range(11) if f"reply {n}" in shown.text] == [0, 1, 2, 9]
    assert f"{MOST_ANSWERS} of 10 answers" in shown.text
    assert "sample 9, turn 0" in shown.text


def test_a_wrong_answer_is_among_those_shown(tmp_path):
    answers = [("a", sample, 0, "correct") for sample in range(9)]
    dataset = folder(tmp_path, [*answers, ("a", 9, 0, "wrong")])
    shown = Tags(side_by_side(dataset, "a"))
    assert [n for n in range(10) if f"reply {n}" in shown.text] == [0, 1, 2, 9]


def test_text_of_rows_is_shown_literally(tmp_path):
    prompt = {"task_id": HOSTILE, "direction": HOSTILE, "prompt": HOSTILE}
    dataset = folder(tmp_path, [(HOSTILE, 0, 0, HOSTILE), (HOSTILE, None, None, None)], [prompt])
    page = side_by_side(dataset, questions(dataset)[0])
    shown = Tags(page)
    assert set(shown.tags) <= {"div", "b", "pre", "small", "details", "summary"}
    assert shown.text.count(HOSTILE) == 4
    assert page.startswith('<div class="tex2jax_ignore mathjax_ignore"')


def test_a_task_without_answers_is_an_error(tmp_path):
    dataset = folder(tmp_path, [("a", 0, 0, "wrong")])
    with pytest.raises(LookupError, match="no answer to the task b"):
        side_by_side(dataset, "b")
    assert questions(Folder(tmp_path)) == []
