"""Request caches as Parquet files, so that a team shares answers instead of paying for them twice.

In: a request cache; or files that `export` wrote. Out: a file with an answer a row under the hash of its
request; or how many answers were new. No prompt, address or API key is in such a file. Whoever merges a file
trusts it: nothing in it tells whether the model really said so.
Not covered: refusals, which may be the fault of one server's settings.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builders.inference.answers import Answer
from builders.inference.cache import RequestCache
from builders.inference.errors import CacheUnusable

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("text", pa.string()),
        ("reasoning", pa.string()),
        ("finish_reason", pa.string()),
        ("n_prompt_tokens", pa.int32()),
        ("n_completion_tokens", pa.int32()),
        ("n_cached_tokens", pa.int32()),
    ]
)
N_ROWS_AT_ONCE = 5_000
_KEY = re.compile(r"[0-9a-f]{64}")


def export(cache: RequestCache, file: Path) -> int:
    """Writes all answers to `file`, ordered by key; returns how many. Raises CacheUnusable."""
    if not cache.path.is_file():
        raise CacheUnusable(f"{cache.path} does not exist: there are no answers to export.")
    unfinished = file.with_name(f"{file.name}.unfinished")
    n_answers = 0
    try:
        with (
            cache.open() as answers,
            pq.ParquetWriter(unfinished, SCHEMA, compression="zstd", write_page_checksum=True) as writer,
        ):
            rows = ({"key": key, **_columns(answer)} for key, answer in answers.answers())
            while some := list(islice(rows, N_ROWS_AT_ONCE)):
                writer.write_table(pa.Table.from_pylist(some, SCHEMA))
                n_answers += len(some)
        unfinished.replace(file)
    except OSError as error:
        raise CacheUnusable(f"{file} cannot be written ({error}): choose another place.") from error
    finally:
        with suppress(OSError):  # it is gone, or its folder is none
            unfinished.unlink()
    return n_answers


def merge(cache: RequestCache, file: Path) -> tuple[int, int]:
    """Adds the answers of `file` that are not known; returns (new, all). Raises CacheUnusable.

    All or nothing is added of each few thousand rows; merging a file again adds nothing.
    """
    n_new = n_all = 0
    with cache.open() as answers:
        for some in _read(file):
            n_new += answers.put_many(some)
            n_all += len(some)
    return n_new, n_all


def _columns(answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in SCHEMA.names if name != "key"}


def _read(file: Path) -> Iterator[list[tuple[str, Answer]]]:
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            if not parquet.schema_arrow.equals(SCHEMA):
                raise CacheUnusable(f"{file} was not written by `codeio cache export`: it has other columns.")
            for batch in parquet.iter_batches(N_ROWS_AT_ONCE):
                yield [_checked(file, row) for row in batch.to_pylist()]
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise CacheUnusable(f"{file} cannot be read as Parquet ({error}).") from error


def _checked(file: Path, row: dict[str, Any]) -> tuple[str, Answer]:
    key = row.pop("key")
    absent = [name for name, value in row.items() if value is None and name != "n_completion_tokens"]
    if absent or not isinstance(key, str) or not _KEY.fullmatch(key):
        raise CacheUnusable(f"{file} holds a row that is no answer (key {key!r}, without {absent}).")
    return key, Answer(**row)
