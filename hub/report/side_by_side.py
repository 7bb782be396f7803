"""Answers to one question side by side, as HTML for a notebook: right and wrong ones, with their feedback.

In: a folder and the id of a task. Out: HTML that shows the text of rows literally, never as markup or
mathematics. It sets its own background, for light and dark pages. `questions` says which tasks to see first.

Not covered: training rows (`codeio`, `codeio_pp`), which repeat these texts.
"""

from collections import defaultdict
from html import escape
from typing import Any

import pyarrow.parquet as pq

from builders.schema import TABLES
from builders.tables.counts import value_counts
from builders.tables.folder import Folder
from hub.figures import BACKGROUND, COLOURS, INK

MOST_ANSWERS = 4
_PAGE = f"background:{BACKGROUND};color:{INK};padding:12px;border-radius:6px;line-height:1.4;font-size:13px"
_ANSWERS = "display:flex;flex-wrap:wrap;gap:12px;margin-top:12px"
_ANSWER = "flex:1 1 320px;min-width:0;border-top:4px solid {colour};padding-top:6px"
_TEXT = (
    "white-space:pre-wrap;overflow-wrap:anywhere;word-break:normal;margin:4px 0 10px;"
    f"font:12px/1.4 ui-monospace,monospace;background:{BACKGROUND};color:{INK}"
)
_UNKNOWN = "#ffffff"


def questions(folder: Folder) -> list[str]:
    """Return ids of tasks with answers: those with right and wrong ones first, then by number of statuses."""
    statuses = defaultdict(set)
    for task_id, status, _ in value_counts(folder.columns("turns", "task_id", "status")):
        if task_id is not None:
            statuses[task_id].add(status)
    return sorted(statuses, key=lambda task_id: (*_rank(statuses[task_id]), task_id))


def side_by_side(folder: Folder, task_id: str) -> str:
    """Return the question with up to `MOST_ANSWERS` answers: the first of each status, then others, in order.

    Raises LookupError if the task has no answer.
    """
    answers = sorted(_rows(folder, "turns", task_id), key=lambda row: (row["sample"] or 0, row["turn"] or 0))
    if not answers:
        raise LookupError(f"There is no answer to the task {task_id}.")
    firsts = {row["status"]: number for number, row in reversed(list(enumerate(answers)))}
    by_priority = sorted(
        range(len(answers)), key=lambda n: (n not in firsts.values(), n != firsts.get("correct"), n)
    )
    shown = [answers[number] for number in sorted(by_priority[:MOST_ANSWERS])]
    title = f"<b>{_cell(task_id)}</b>, {len(shown)} of {len(answers)} answers"
    question = "".join(
        f"<details open><summary>to predict: {_cell(task['direction'])}</summary>{_block(task['prompt'])}"
        "</details>"
        for task in _rows(folder, "tasks", task_id)
    )
    columns = "".join(map(_answer, shown))
    # Jupyter would render text between two $ as mathematics.
    ignored = 'class="tex2jax_ignore mathjax_ignore"'
    return f'<div {ignored} style="{_PAGE}">{title}{question}<div style="{_ANSWERS}">{columns}</div></div>'


def _rank(statuses: set[str]) -> tuple[bool, int]:
    return not ("correct" in statuses and len(statuses) > 1), -len(statuses)


def _rows(folder: Folder, config: str, task_id: str) -> list[dict[str, Any]]:
    """Return the rows of a task; columns that older files lack are null."""
    return [
        row
        for file in folder.files(config)
        for row in pq.read_table(
            file, schema=TABLES[config].schema, filters=[("task_id", "==", task_id)]
        ).to_pylist()
    ]


def _answer(row: dict[str, Any]) -> str:
    parts = [f"<b>{_cell(row['status'])}</b>, sample {row['sample']}, turn {row['turn']}"]
    parts += [" (constrained to JSON)"] if row["answer_forced"] else []
    parts += [" (cut off)"] if row["finish_reason"] == "length" else []
    if row["reasoning"] is not None:  # long, and not part of the answer
        parts.append(f"<details><summary>reasoning</summary>{_block(row['reasoning'])}</details>")
    for name in ("response", "prediction", "feedback"):
        if row[name] is not None:
            parts.append(f"<div><small>{name}</small>{_block(row[name])}</div>")
    colour = COLOURS.get(row["status"], _UNKNOWN)
    return f'<div style="{_ANSWER.format(colour=colour)}">{"".join(parts)}</div>'


def _block(text: Any) -> str:
    return f'<pre style="{_TEXT}">{escape(str(text))}</pre>'


def _cell(text: Any) -> str:
    return escape(str(text))
