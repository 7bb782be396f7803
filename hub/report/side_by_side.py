"""Answers to one question side by side, as HTML for a notebook: right and wrong ones, and what each was told.

In: a folder and the id of a task. Out: HTML that shows text of rows as it is: nothing of it is markup or
mathematics. Its ground is its own, for light pages and dark ones. `questions` says what to look at first.

Not covered: training rows (`codeio`, `codeio_pp`), which repeat what stands here.
"""

from collections import defaultdict
from html import escape
from typing import Any

import pyarrow.parquet as pq

from builders.schema import TABLES
from builders.tables.counts import grouped
from builders.tables.folder import Folder
from hub.figures import COLOURS, GROUND, INK

MOST_ANSWERS = 4
_PAGE = f"background:{GROUND};color:{INK};padding:12px;border-radius:6px;line-height:1.4;font-size:13px"
_ANSWERS = "display:flex;flex-wrap:wrap;gap:12px;margin-top:12px"
_ANSWER = "flex:1 1 320px;min-width:0;border-top:4px solid {colour};padding-top:6px"
_TEXT = (
    "white-space:pre-wrap;overflow-wrap:anywhere;word-break:normal;margin:4px 0 10px;"
    f"font:12px/1.4 ui-monospace,monospace;background:{GROUND};color:{INK}"
)
_UNKNOWN = "#ffffff"


def questions(folder: Folder) -> list[str]:
    """Ids of tasks that have answers: first those with right and wrong ones, then those with most kinds."""
    kinds = defaultdict(set)
    for task_id, status, _ in grouped(folder.columns("turns", "task_id", "status")):
        if task_id is not None:
            kinds[task_id].add(status)
    return sorted(kinds, key=lambda task_id: (*_plainness(kinds[task_id]), task_id))


def side_by_side(folder: Folder, task_id: str) -> str:
    """The question, and up to `MOST_ANSWERS` answers in their order: the first of each status, then others.

    Raises LookupError where no answer belongs to that task.
    """
    answers = sorted(_rows(folder, "turns", task_id), key=lambda row: (row["sample"] or 0, row["turn"] or 0))
    if not answers:
        raise LookupError(f"There is no answer to a task {task_id}.")
    firsts = {row["status"]: number for number, row in reversed(list(enumerate(answers)))}
    by_worth = sorted(
        range(len(answers)), key=lambda n: (n not in firsts.values(), n != firsts.get("correct"), n)
    )
    shown = [answers[number] for number in sorted(by_worth[:MOST_ANSWERS])]
    title = f"<b>{_cell(task_id)}</b>, {len(shown)} of {len(answers)} answers"
    asked = "".join(
        f"<details open><summary>to predict: {_cell(task['direction'])}</summary>{_text(task['prompt'])}"
        "</details>"
        for task in _rows(folder, "tasks", task_id)
    )
    columns = "".join(map(_answer, shown))
    # Jupyter would set what stands between two $ as mathematics.
    ignored = 'class="tex2jax_ignore mathjax_ignore"'
    return f'<div {ignored} style="{_PAGE}">{title}{asked}<div style="{_ANSWERS}">{columns}</div></div>'


def _plainness(kinds: set[str]) -> tuple[bool, int]:
    return not ("correct" in kinds and len(kinds) > 1), -len(kinds)


def _rows(folder: Folder, config: str, task_id: str) -> list[dict[str, Any]]:
    """The rows of a task; columns that older files lack are null."""
    return [
        row
        for file in folder.files(config)
        for row in pq.read_table(
            file, schema=TABLES[config].features.arrow_schema, filters=[("task_id", "==", task_id)]
        ).to_pylist()
    ]


def _answer(row: dict[str, Any]) -> str:
    parts = [f"<b>{_cell(row['status'])}</b>, sample {row['sample']}, turn {row['turn']}"]
    parts += [" (asked for as bare JSON)"] if row["answer_forced"] else []
    parts += [" (cut off)"] if row["finish_reason"] == "length" else []
    if row["reasoning"] is not None:  # long, and not part of the answer
        parts.append(f"<details><summary>reasoning</summary>{_text(row['reasoning'])}</details>")
    for name in ("response", "prediction", "feedback"):
        if row[name] is not None:
            parts.append(f"<div><small>{name}</small>{_text(row[name])}</div>")
    colour = COLOURS.get(row["status"], _UNKNOWN)
    return f'<div style="{_ANSWER.format(colour=colour)}">{"".join(parts)}</div>'


def _text(text: Any) -> str:
    return f'<pre style="{_TEXT}">{escape(str(text))}</pre>'


def _cell(text: Any) -> str:
    return escape(str(text))
