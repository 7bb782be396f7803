"""Files of a version that cannot be compared: each is refused in one sentence that names it."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hub.changes.compare import changed_rows, changes
from hub.versions import VersionError
from tests.hub.changes.versions import rows, write_version


def test_a_foreign_table_is_refused_by_name(tmp_path):
    before, after = write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows())
    (file,) = after.folder.files("turns")
    pq.write_table(pq.read_table(file).drop_columns(["response_id"]), file)
    with pytest.raises(VersionError, match="turns of new has no column response_id"):
        changes(before, after)


def test_a_damaged_file_is_named(tmp_path):
    before, after = write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows())
    (file,) = after.folder.files("codeio")
    content = file.read_bytes()
    file.write_bytes(content[:4] + bytes(200) + content[204:])
    with pytest.raises(VersionError, match="codeio/train"):
        changes(before, after)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("response_id", [["a"]], "response_id is list"),
        ("turn", ["x"], "turn is string"),
        ("task_id", [b"\xff\xfe"], "task_id is binary"),
        ("sample", [{"a": 1}], "sample is struct"),
    ],
)
def test_a_key_of_another_type_is_refused(tmp_path, column, values, said):
    before, after = write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows())
    (file,) = after.folder.files("turns")
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.column_names.index(column), column, pa.array(values)), file)
    with pytest.raises(VersionError, match=said):
        changes(before, after)


def garbled(file):
    file.write_bytes(b"garbage")


def replaced_by_folder(file):
    file.unlink()
    file.mkdir()


def replaced_by_pipe(file):
    file.unlink()
    os.mkfifo(file)


def with_a_column_twice(file):
    table = pq.read_table(file)
    pq.write_table(table.append_column("status", table["status"]), file)


def without_text(file):
    table = pq.read_table(file)
    odd = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    pq.write_table(table.set_column(table.column_names.index("response"), "response", odd), file)


@pytest.mark.parametrize(
    "change", [garbled, replaced_by_folder, replaced_by_pipe, with_a_column_twice, without_text]
)
def test_an_odd_file_gives_one_sentence(tmp_path, change):
    before, after = write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows())
    change(*after.folder.files("turns"))
    with pytest.raises(VersionError):
        changes(before, after)
    with pytest.raises(VersionError):
        list(changed_rows(before, after))
