"""Stage 4: two questions a pair, one for each direction, with the prompt that is sent.

In: `io_pairs` joined with `functions`. Out: `tasks`. Pairs with the same output ask for an input in the same
words: that is one task, and the later ones are dropped as `duplicate`. Tasks of one function stand next to
each other and share all of their prompt but its end, so a server's prefix cache answers for most of it.
Values are shown as JSON; the generator and the other recorded pairs are never shown.
Tested in tests/stories/test_build.py.
"""

from collections.abc import Iterator

import prompts
from builders.schema import TABLES
from builders.stage import Drop, Row, Stage

DIRECTIONS = ("output", "input")


class Tasks(Stage):
    """Proven pairs to tasks, two rows for each."""

    makes = TABLES["tasks"]
    version = 1
    key = ("prompt",)
    shard_rows = 1000

    def identity(self) -> Row:
        """The template's text."""
        return {"prompt": prompts.load("task").id}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Yield the output task, then the input task of each pair."""
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
