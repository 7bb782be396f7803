"""Request caches as Parquet files, so that a team shares answers instead of paying for them twice.

In: a request cache, or a file that `export` wrote. Out: a file with one answer a row, under the hash of its
request; or the number of new answers. Such a file holds no prompt, address or API key. Whoever merges a file
trusts it: nothing in it proves that the model really gave these answers.
Not covered: refusals, which may be due to the settings of one server.
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
    """Write all cached answers to a Parquet file, in the order of their keys.

    Args:
        cache: The cache to read.
        file: The file to write; it is replaced only once the new one is complete.

    Returns:
        The number of answers.

    Raises:
        CacheUnusable: There is no such cache, it cannot be read, or the file cannot be written.
    """
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
            while batch := list(islice(rows, N_ROWS_AT_ONCE)):
                writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
                n_answers += len(batch)
        unfinished.replace(file)
    except OSError as error:
        raise CacheUnusable(f"{file} cannot be written ({error}): choose another place.") from error
    finally:
        with suppress(OSError):  # it was renamed above, or its folder does not exist
            unfinished.unlink()
    return n_answers


def merge(cache: RequestCache, file: Path) -> tuple[int, int]:
    """Add the answers of an exported file that the cache lacks; merging a file again adds nothing.

    Each batch of 5,000 rows is added as a whole or not at all.

    Args:
        cache: The cache to add to; it is created if it does not exist.
        file: A file that `export` wrote.

    Returns:
        The number of new answers, and the number of all answers in the file.

    Raises:
        CacheUnusable: The file is damaged or was not written by `export`, or the cache cannot be written.
    """
    n_new = n_all = 0
    with cache.open() as answers:
        for batch in _read_batches(file):
            n_new += answers.put_many(batch)
            n_all += len(batch)
    return n_new, n_all


def _columns(answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in SCHEMA.names if name != "key"}


def _read_batches(file: Path) -> Iterator[list[tuple[str, Answer]]]:
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            if not parquet.schema_arrow.equals(SCHEMA):
                raise CacheUnusable(f"{file} was not written by `codeio cache export`: it has other columns.")
            for batch in parquet.iter_batches(N_ROWS_AT_ONCE):
                yield [_keyed_answer(file, row) for row in batch.to_pylist()]
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise CacheUnusable(f"{file} cannot be read as Parquet ({error}).") from error


def _keyed_answer(file: Path, row: dict[str, Any]) -> tuple[str, Answer]:
    """Return a row's key and answer; raise CacheUnusable if the row is not one that `export` writes."""
    key = row.pop("key")
    absent = [name for name, value in row.items() if value is None and name != "n_completion_tokens"]
    if absent or not isinstance(key, str) or not _KEY.fullmatch(key):
        raise CacheUnusable(f"{file} holds a row that is not an answer (key {key!r}, without {absent}).")
    return key, Answer(**row)
