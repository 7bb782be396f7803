"""Rows that stay behind when a folder is published, and why.

In: a folder of tables, and the licences that are allowed. Out: for each table which rows go along, and a list
of those that do not. With a row stays behind all that was made of it. What does is: a file or function whose
licence is unknown or not allowed; a row whose text holds what looks like a credential or an e-mail address; a
dropped row of which nothing says where it comes from.

Not covered: values that are secret without looking so, and recorded inputs and outputs, which are drawn.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builders.masking import PrivateKeyFound, masked
from builders.tables.folder import Folder
from hub.rights.licences import PERMISSIVE, may_be_published

BATCH_ROWS = 4096
_TEXTS = {
    "raw_code": ("content", "path"),
    "functions": ("query", "io_description", "reference_code", "input_generator"),
    "turns": ("response", "reasoning"),
    "dropped": ("content", "drop_detail"),
}
"""Where text of files and models stands first; other tables repeat it."""


@dataclass(frozen=True)
class Left:
    """A row that stays behind by itself, not for what it was made of; `config` is its table."""

    config: str
    row_id: str
    reason: str
    detail: str


class Withheld:
    """What is known of a folder's rows: `left` in the order of the tables, and `keeps` for each batch."""

    def __init__(self, folder: Folder, allowed: Collection[str] = PERMISSIVE) -> None:
        self.left: list[Left] = []
        self._allowed = frozenset(allowed)
        self._folder = folder
        files = set(folder.column("raw_code", "code_id"))
        self._codes = self._of_files()
        self._functions = self._of_functions(files)
        self._tasks = self._of_tasks()
        self._pairs = {
            pair
            for pair, function in self._rows("io_pairs", "pair_id", "function_id")
            if function in self._functions
        }
        self._dropped = self._of_dropped()

    def keeps(self, config: str, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows of a batch of this table may go along."""
        if config == "dropped":
            keys = zip(*(batch[column].to_pylist() for column in _DROPPED_KEY), strict=True)
            return pa.array([key in self._dropped for key in keys], pa.bool_())
        column, ids = {
            "raw_code": ("code_id", self._codes),
            "functions": ("function_id", self._functions),
            "io_pairs": ("pair_id", self._pairs),
        }.get(config, ("task_id", self._tasks))
        return pc.is_in(batch[column], pa.array(ids, pa.string()))

    def _of_files(self) -> set[str]:
        kept = set()
        for code_id, license, *texts in self._rows("raw_code", "code_id", "license", *_TEXTS["raw_code"]):
            if self._is_clean("raw_code", code_id, texts) and self._is_allowed("raw_code", code_id, license):
                kept.add(code_id)
        return kept

    def _of_functions(self, files: Collection[str]) -> set[str]:
        columns = ("function_id", "code_id", "license", *_TEXTS["functions"])
        kept = set()
        for function_id, code_id, license, *texts in self._rows("functions", *columns):
            if code_id in files and code_id not in self._codes:
                continue
            if not self._is_clean("functions", function_id, texts):
                continue
            # Of a file that stands in raw_code, the licence was looked at there.
            if code_id in files or self._is_allowed("functions", function_id, license):
                kept.add(function_id)
        return kept

    def _of_tasks(self) -> set[str]:
        unclean = {
            task_id
            for task_id, response_id, *texts in self._rows(
                "turns", "task_id", "response_id", *_TEXTS["turns"]
            )
            if not self._is_clean("turns", response_id, texts)
        }
        return {
            task_id
            for task_id, function_id in self._rows("tasks", "task_id", "function_id")
            if function_id in self._functions and task_id not in unclean
        }

    def _of_dropped(self) -> set[tuple[str, ...]]:
        known = self._codes | self._functions | self._pairs | self._tasks
        responses = {
            response_id
            for response_id, task_id in self._rows("turns", "response_id", "task_id")
            if task_id in self._tasks
        }
        kept = set()
        for *key, content, detail in self._rows("dropped", *_DROPPED_KEY, *_TEXTS["dropped"]):
            stage, row_id, parent_id = key[:3]
            if not known.isdisjoint((row_id, parent_id)) or row_id in responses:
                if self._is_clean("dropped", row_id, (content, detail)):
                    kept.add(tuple(key))
            elif stage == "raw_code":
                self.left.append(Left("dropped", row_id, "no_licence", "a file that was not used"))
        return kept

    def _is_allowed(self, config: str, row_id: str, license: str | None) -> bool:
        if may_be_published(license, self._allowed):
            return True
        reason = "licence" if license else "no_licence"
        self.left.append(Left(config, row_id, reason, license or "no licence is known"))
        return False

    def _is_clean(self, config: str, row_id: str, texts: Collection[str | None]) -> bool:
        for text in filter(None, texts):
            try:
                if masked(text) == text:
                    continue
                detail = "holds what looks like a credential or an e-mail address"
            except PrivateKeyFound as error:
                detail = str(error)
            self.left.append(Left(config, row_id, "secret", detail))
            return False
        return True

    def _rows(self, config: str, *columns: str) -> Iterator[tuple[str, ...]]:
        for file in self._folder.files(config):
            for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=list(columns)):
                yield from zip(*(batch[column].to_pylist() for column in columns), strict=True)


_DROPPED_KEY = ("stage", "row_id", "parent_id", "drop_reason", "drop_detail")
