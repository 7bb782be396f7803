from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.tables import chunking as shards
from builders.tables.chunking import ranges


@pytest.fixture(autouse=True, scope="module")
def _small_files():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROWS", 40)
        patch.setattr(shards, "MIN_ROWS", 10)
        patch.setattr(shards, "MAX_ROWS", 160)
        yield


def files(keys):
    return [tuple(keys[index] for index in rows) for rows in ranges(keys)]


@given(st.lists(st.integers(0, 50).map(str), max_size=400))
def test_every_row_is_in_one_file_and_no_file_is_too_long(keys):
    chunks = files(keys)
    assert list(chain.from_iterable(chunks)) == keys
    assert all(10 <= len(file) <= 160 for file in chunks[:-1])
    assert all(0 < len(file) <= 160 for file in chunks[-1:])


def test_files_have_the_size_that_is_wanted():
    chunks = files([str(number) for number in range(40_000)])
    assert 800 < len(chunks) < 1200


def test_a_table_that_grows_at_its_end_keeps_all_files_but_the_last():
    keys = [str(number) for number in range(4000)]
    before, after = files(keys), files([*keys, *(f"new {number}" for number in range(40))])
    assert after[: len(before) - 1] == before[:-1]


@pytest.mark.parametrize("place", [0, 1234, 3999])
def test_rows_that_come_or_go_in_between_change_the_files_around_them_only(place):
    keys = [str(number) for number in range(4000)]
    before = set(files(keys))
    for changed in ([*keys[:place], "new", *keys[place:]], keys[:place] + keys[place + 1 :]):
        assert len(set(files(changed)) - before) <= 3
