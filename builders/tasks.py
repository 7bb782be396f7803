"""Stage 4: two questions for each pair, one per direction, with the prompt that is sent.

In: `io_pairs` joined with `functions`. Out: `tasks`. If two pairs have the same output, the prompts for their
inputs are the same: only the first becomes a task, and the other is dropped as `duplicate`. Tasks of one
function are adjacent and their prompts differ only at the end, so a server has most of each prompt in its
prefix cache.
Values are shown as JSON; the generator and the other recorded pairs are never shown.
Tested in tests/stories/test_build.py.
"""

from collections.abc import Iterator

import prompts
from builders.schema import TABLES
from builders.stage import Drop, Row, Stage

DIRECTIONS = ("output", "input")


class Tasks(Stage):
    """The stage from proven pairs to tasks, two rows for each."""

    makes = TABLES["tasks"]
    version = 1
    key = ("prompt",)
    shard_rows = 1000

    def identity(self) -> Row:
        """Return the id of the prompt template."""
        return {"prompt": prompts.load("task").id}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Yield two tasks for each pair: predict the output, then predict the input."""
        template = prompts.load("task")
        for row in rows:
            for direction in DIRECTIONS:
                known = row["input" if direction == "output" else "output"]
                prompt = template.render(**row, direction=direction, known=known)
                task = {
                    "pair_id": row["pair_id"],
                    "function_id": row["function_id"],
                    "direction": direction,
                    "prompt": prompt,
                }
                yield {"task_id": self.makes.id(task), **task}
