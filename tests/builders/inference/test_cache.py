"""The request cache: what it keeps, and files and disks that it cannot use."""

import pickle
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from builders.inference import Answer, Refusal, RequestCache
from builders.inference.cache import request_key
from builders.inference.errors import CacheUnusable
from tests.builders.inference.small_disk import on_a_small_disk

ANSWER = Answer("é ☃ text", "why", "length", 5, 6, 7)


def fill(cache: RequestCache, start: int) -> None:
    with cache.open() as answers:
        for i in range(start, start + 200):
            answers.put(f"key {i}", ANSWER)


def test_what_was_put_is_found_again_marked_as_cached(cache: RequestCache) -> None:
    with cache.open() as answers:
        assert answers.put("k", ANSWER) == ANSWER
        assert answers.put("k", Answer("later", "", "stop", 0, 0, 0)) == replace(ANSWER, from_cache=True)
    with pickle.loads(pickle.dumps(cache)).open() as answers:
        assert answers.get(["k", "unknown"]) == {"k": replace(ANSWER, from_cache=True)}


def test_many_keys_at_once(cache: RequestCache) -> None:
    fill(cache, 0)
    with cache.open() as answers:
        assert len(answers.get([f"key {i}" for i in range(-1000, 2000)])) == 200


def test_several_processes_write_at_once(cache: RequestCache) -> None:
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(fill, [cache] * 8, range(0, 1600, 200)))
    with cache.open() as answers:
        assert len(answers) == 1600


def test_the_key_is_the_request_whatever_its_order() -> None:
    assert request_key({"a": 1, "b": [2]}, "m") == request_key({"b": [2], "a": 1}, "m")
    assert request_key({"a": 1}, "m") != request_key({"a": 1}, "n")
    assert request_key({"a": 1}, "m") != request_key({"a": 1.5}, "m")
    with pytest.raises(ValueError, match="JSON compliant"):
        request_key({"a": float("nan")}, "m")


def test_a_file_that_is_not_a_cache_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("something of the user's own, longer than a header" * 10)
    before = path.read_bytes()
    with pytest.raises(CacheUnusable, match=r"notes\.txt is not a request cache"), RequestCache(path).open():
        pass
    assert path.read_bytes() == before


def test_a_folder_that_takes_no_files_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = RequestCache(tmp_path / "file" / "requests.sqlite")
    with pytest.raises(CacheUnusable, match="cannot be used"), cache.open():
        pass


def test_a_full_disk_is_one_sentence_and_keeps_what_was_written(tmp_path: Path) -> None:
    program = """
import sys
from builders.inference import Answer, Refusal, RequestCache
from builders.inference.errors import CacheUnusable
cache, n_put = RequestCache(sys.argv[1] + "/requests.sqlite"), 0
try:
    with cache.open() as answers:
        while True:
            answers.put(f"key {n_put}", Answer("x" * 5000, "", "stop", 1, 1, 0))
            n_put += 1
except CacheUnusable as error:
    assert n_put > 5, n_put
    assert "The disk is full" in str(error) and "\\n" not in str(error), error
with cache.open() as answers:
    assert len(answers) == n_put
print("all held")
"""
    on_a_small_disk(program, tmp_path, "2m")


def test_a_client_whose_disk_is_full_says_so_and_goes_on_later(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from builders.inference import Client, RequestCache, connect
from builders.inference.errors import CacheUnusable
from tests.doubles.chat_server import ChatServer, request, texts

folder, names = Path(sys.argv[1]), [f"{'long ' * 900}{number}" for number in range(400)]
ballast = folder / "ballast"
ballast.write_bytes(b"x" * 1_000_000)
with ChatServer() as server:
    connected = connect(server.address)
    try:
        Client(connected, RequestCache(folder / "requests.sqlite")).ask([request(name) for name in names])
        raise SystemExit("the disk was large enough")
    except CacheUnusable as error:
        assert "The disk is full" in str(error), error
    ballast.unlink()
    with RequestCache(folder / "requests.sqlite").open() as answers:
        n_kept = len(answers)
    assert 0 < n_kept < 400, n_kept
    again = Client(connected, RequestCache(folder / "requests.sqlite"))
    asked = names[: n_kept + 20]
    assert texts(again.ask([request(name) for name in asked])) == [name.upper() for name in asked]
    assert again.usage.from_cache > 0
print("all held")
"""
    on_a_small_disk(program, tmp_path, "2m")


def test_a_first_opening_waits_for_another(cache: RequestCache) -> None:
    cache.path.parent.mkdir()
    other = sqlite3.connect(cache.path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE others (x)")
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ("COMMIT",))
    timer.start()
    with cache.open() as answers:
        assert len(answers) == 0
    timer.join()
    other.close()


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), sqlite3.OperationalError("another's")])
def test_an_error_of_the_block_is_not_of_the_cache(cache: RequestCache, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, cache.open():
        raise error
    assert caught.value is error


def test_the_file_is_in_wal_mode(cache: RequestCache) -> None:
    fill(cache, 0)
    connection = sqlite3.connect(cache.path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def deny_counting(action: int, name: str | None, value: str | None, *_: str | None) -> int:
    counts = action == sqlite3.SQLITE_PRAGMA and name == "user_version" and value is not None
    return sqlite3.SQLITE_DENY if counts else sqlite3.SQLITE_OK


def test_refusals_are_forgotten_and_counted_together_or_not_at_all(cache: RequestCache) -> None:
    """A process killed between the two would leave rows that look current but were made of refusals."""
    with cache.open() as answers:
        answers.refuse("k", Refusal("too_long", ""))
        answers._connection.set_authorizer(deny_counting)
        with pytest.raises(CacheUnusable):
            answers.forget_refusals()
        answers._connection.set_authorizer(None)
        assert (answers.refusals(), answers.generation()) == ({"too_long": 1}, 0)
        assert answers.forget_refusals() == 1
    with cache.open() as answers:
        assert (answers.refusals(), answers.generation()) == ({}, 1)
