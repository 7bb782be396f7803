"""Frames: what a job writes gives the same records wherever it is cut."""

import os

import pytest

from builders.execution.inside.watch import Frames, Store
from builders.execution.inside.wire import MAX_RECORD_BYTES, frame

MARKER = frame("")


def split_in_chunks(data: bytes, n_expected: int, chunk: int) -> tuple[bytes, Frames, str | None]:
    """Return the records that remain of `data`, written in chunks, its frames, and what is wrong."""
    store = Store(shared=False)
    frames = Frames(store, n_expected)
    wrong = None
    read_end, write_end = os.pipe()
    for start in range(0, len(data), chunk):
        os.write(write_end, data[start : start + chunk])
        assert frames.read(read_end)
        _, wrong = frames.split()
        if wrong:
            break
    os.close(write_end)
    assert wrong or not frames.read(read_end)
    os.close(read_end)
    frames.finish()
    records = store.pages[: store.end]
    assert frames.n_bytes == len(records)
    return records, frames, wrong


@pytest.mark.parametrize("chunk", [1, 3, 7, 1000, 60_000])
def test_records_stay_and_markers_go(chunk: int) -> None:
    records = [frame("a"), frame("b" * 5_000), frame("ä")]
    data = MARKER + records[0] + MARKER * 2 + records[1] + records[2] + frame("torn")[:-1]
    kept, frames, wrong = split_in_chunks(data, 3, chunk)
    assert (kept, wrong) == (b"".join(records), None)
    assert (frames.n_budget_starts, frames.n_records) == (3, 3)


def test_a_store_grows() -> None:
    record = frame("x" * 900_000)
    assert split_in_chunks(record * 2, 2, 60_000)[0] == record * 2


@pytest.mark.parametrize("chunk", [1, 3, 60_000])
def test_what_is_too_long_or_too_much_is_told(chunk: int) -> None:
    record = frame("a")
    long = (MAX_RECORD_BYTES + 1).to_bytes(4, "little") + b"a" * 10
    kept, _, wrong = split_in_chunks(MARKER + record + MARKER + long, 2, chunk)
    assert (kept, wrong) == (record, "size")
    assert split_in_chunks(record * 3, 2, chunk)[2] == "records"


def test_two_processes_share_a_store() -> None:
    store = Store(shared=False)
    first, second = frame("first"), frame("second")
    for data, record in ((first + second[:5], first), (MARKER + second, second)):
        frames = Frames(store, 1)
        read_end, write_end = os.pipe()
        os.write(write_end, data)
        frames.read(read_end)
        frames.split()
        frames.finish()
        assert frames.n_bytes == len(record)
        os.close(read_end)
        os.close(write_end)
    assert store.pages[: store.end] == first + second
