"""A process that reads Parquet files of strangers and writes their rows down anew, as Arrow's own.

In: on stdin a line of JSON for each file: `source`, `target`, `split`, and `schema`, the columns it must have
(Arrow's, in base64). Out: on stdout a line each, `{"n_rows": ...}` or `{"error": ...}`. The rows written have
a column `split` besides. Memory and the size of what is written are bounded: a file that asks for more, or
that breaks the reader, ends at most this process.

Run by its path, not imported. Not covered: what the rows hold.
Tested in tests/hub/audit/test_untrusted.py.
"""

import base64
import json
import os
import resource
import sys

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 512
MEMORY_BYTES = 4 << 30
LEAST_TARGET_BYTES, MOST_TARGET_BYTES = 256 << 20, 4 << 30
MOST_TIMES = 500
"""So many times larger than its file may rows be, beyond the least that any may take."""


class OtherColumns(Exception):
    """The file is not of the table it should be of."""


def main() -> None:
    """Serve until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(asked["schema"])))
            reply: dict[str, int | str] = {
                "n_rows": unpack(asked["source"], asked["target"], asked["split"], schema)
            }
        except OtherColumns as error:
            reply = {"error": str(error)[:300]}
        except Exception as error:  # a broken file may raise anything
            if os.path.exists(asked["target"]):
                os.unlink(asked["target"])
            text = str(error).partition("\n")[0][:300] or "no reason is given"
            reply = {"error": f"{type(error).__name__}: {text}"}
        print(json.dumps(reply), flush=True)


def unpack(source: str, target: str, split: str, schema: pa.Schema) -> int:
    """Write a file's rows to `target`; returns how many. Raises OtherColumns."""
    may_take = min(MOST_TARGET_BYTES, LEAST_TARGET_BYTES + MOST_TIMES * os.path.getsize(source))
    resource.setrlimit(resource.RLIMIT_FSIZE, (may_take, MOST_TARGET_BYTES))
    with pq.ParquetFile(source) as file:
        check(file.schema_arrow, schema)
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


def check(found: pa.Schema, wanted: pa.Schema) -> None:
    """Raise OtherColumns unless the columns are those wanted, in any order."""
    types = {name: wanted.field(name).type for name in wanted.names}
    there = list(zip(found.names, found.types, strict=True))
    if absent := [name for name in types if name not in found.names]:
        raise OtherColumns(f"has no column {', '.join(absent)}")
    if more := [name for name, _ in there if name not in types]:
        raise OtherColumns(f"has columns that are not codeio's: {', '.join(more)}")
    if len(there) != len(types):
        raise OtherColumns("has a column twice")
    for name, kind in there:
        if kind != types[name]:
            raise OtherColumns(f"column {name} is {kind}, not {types[name]}")


if __name__ == "__main__":
    main()
