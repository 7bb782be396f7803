"""A process that reads strangers' Parquet files and writes their rows again, as Arrow streams.

In: one line of JSON for each file on stdin: `source`, `target`, `split`, and `schema`, the columns it must
have (an Arrow schema in base64). Out: one line for each on stdout, `{"n_rows": ...}` or `{"error": ...}`. The
written rows have an extra column `split`. Memory and the size of the output are limited: a file that needs
more, or that crashes the reader, ends only this process.

Run by its path, not imported. Not covered: what the rows hold.
Tested in tests/hub/audit/test_untrusted.py.
"""

import base64
import json
import os
import resource
import sys

if __name__ == "__main__":
    # pyarrow imports these if it can. That takes longer than reading a dataset often does, and is not needed.
    sys.modules["numpy"] = sys.modules["pandas"] = None  # type: ignore[assignment]

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 512
MEMORY_BYTES = 4 << 30
LEAST_TARGET_BYTES, MOST_TARGET_BYTES = 256 << 20, 4 << 30
MOST_TIMES = 500
"""How many times larger than its file the rows may be, in addition to `LEAST_TARGET_BYTES`."""


class WrongColumns(Exception):
    """The error of a file that does not have the columns of its table."""


def main() -> None:
    """Answer the lines of stdin until it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(request["schema"])))
            reply: dict[str, int | str] = {
                "n_rows": unpack(request["source"], request["target"], request["split"], schema)
            }
        except WrongColumns as error:
            reply = {"error": str(error)[:300]}
        except Exception as error:  # a broken file may raise anything
            if os.path.exists(request["target"]):
                os.unlink(request["target"])
            text = str(error).partition("\n")[0][:300] or "no reason was given"
            reply = {"error": f"{type(error).__name__}: {text}"}
        print(json.dumps(reply), flush=True)


def unpack(source: str, target: str, split: str, schema: pa.Schema) -> int:
    """Write a file's rows to `target` and return their number. Raises WrongColumns."""
    max_bytes = min(MOST_TARGET_BYTES, LEAST_TARGET_BYTES + MOST_TIMES * os.path.getsize(source))
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, MOST_TARGET_BYTES))
    with pq.ParquetFile(source) as file:
        check_columns(file.schema_arrow, schema)
        written = schema.append(pa.field("split", pa.string()))
        n_rows = 0
        with pa.OSFile(target, "wb") as sink, pa.ipc.new_stream(sink, written) as stream:
            for batch in file.iter_batches(BATCH_ROWS, columns=schema.names, use_threads=False):
                batch.validate(full=True)
                columns = [batch.column(name).cast(schema.field(name).type) for name in schema.names]
                splits = pa.array([split] * batch.num_rows, pa.string())
                stream.write_batch(pa.RecordBatch.from_arrays([*columns, splits], schema=written))
                n_rows += batch.num_rows
    return n_rows


def check_columns(actual: pa.Schema, expected: pa.Schema) -> None:
    """Raise WrongColumns unless the file has exactly the expected columns, in any order."""
    types = {name: expected.field(name).type for name in expected.names}
    columns = list(zip(actual.names, actual.types, strict=True))
    if missing := [name for name in types if name not in actual.names]:
        raise WrongColumns(f"has no column {', '.join(missing)}")
    if extra := [name for name, _ in columns if name not in types]:
        raise WrongColumns(f"has columns that are not codeio's: {', '.join(extra)}")
    if len(columns) != len(types):
        raise WrongColumns("has a column twice")
    for name, kind in columns:
        if kind != types[name]:
            raise WrongColumns(f"column {name} is {kind}, not {types[name]}")


if __name__ == "__main__":
    main()
