"""Answers that are exported from one cache and merged into another."""

import multiprocessing
import random
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.inference import Answer, CacheUnusable, Client, RequestCache, connect, export, merge
from builders.inference.cache import request_key
from builders.inference.cache_files import SCHEMA
from tests.doubles.chat_server import ChatServer, request, texts


def key(number: int) -> str:
    return request_key({"number": number}, "model")


def answer(number: int) -> Answer:
    return Answer(f"text {number} é ☃ \0", "why\n" * (number % 3), "stop", number, number or None, number % 2)


def filled(path: Path, numbers: Sequence[int]) -> RequestCache:
    cache = RequestCache(path)
    with cache.open() as answers:
        answers.put_many([(key(number), answer(number)) for number in numbers])
    return cache


def all_answers(cache: RequestCache) -> dict[str, Answer]:
    with cache.open() as answers:
        return {name: replace(kept, from_cache=False) for name, kept in answers.answers()}


def written(file: Path, rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema), file)
    return file


def row(number: int) -> dict[str, Any]:
    columns = vars(answer(number)).items()
    return {"key": key(number), **{name: value for name, value in columns if name != "from_cache"}}


@pytest.mark.parametrize("n_at_once", [1, 7, 5000])
def test_what_is_exported_and_merged_is_the_same(
    tmp_path: Path, n_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builders.inference.cache_files.N_ROWS_AT_ONCE", n_at_once)
    mine, yours = filled(tmp_path / "mine", range(30)), filled(tmp_path / "yours", range(20, 40))
    file = tmp_path / "answers.parquet"
    assert export(mine, file) == 30
    assert merge(yours, file) == (20, 30)
    assert all_answers(yours) == {key(number): answer(number) for number in range(40)}
    assert merge(yours, file) == (0, 30)
    assert all_answers(yours) == {key(number): answer(number) for number in range(40)}
    assert all_answers(mine) == {key(number): answer(number) for number in range(30)}


def test_merging_into_a_new_run_makes_its_cache(tmp_path: Path) -> None:
    file = tmp_path / "answers.parquet"
    export(filled(tmp_path / "mine", range(3)), file)
    new = RequestCache(tmp_path / "new run" / "requests.sqlite")
    assert merge(new, file) == (3, 3)
    assert all_answers(new) == {key(number): answer(number) for number in range(3)}


def test_an_exported_cache_without_answers_is_a_file_without_rows(tmp_path: Path) -> None:
    file = tmp_path / "answers.parquet"
    assert export(filled(tmp_path / "mine", []), file) == 0
    assert merge(filled(tmp_path / "yours", [1]), file) == (0, 0)


def test_what_another_asked_is_not_asked_again(server: ChatServer, tmp_path: Path) -> None:
    server.faults["no"] = ["422", "422"]
    mine, yours = RequestCache(tmp_path / "mine"), RequestCache(tmp_path / "yours")
    payloads = [request("a"), request("b", seed=3), request("no")]
    outcomes = Client(connect(server.address), mine).ask(payloads)
    file = tmp_path / "answers.parquet"
    assert export(mine, file) == 2
    merge(yours, file)
    repeated = Client(connect(server.address), yours).ask(payloads)
    assert texts(repeated) == texts(outcomes) == ["A", "B", "rejected"]
    assert server.asked == {"a": 1, "b": 1, "no": 2}  # refusals are not exported


def test_no_prompt_address_or_key_is_in_the_file(server: ChatServer, tmp_path: Path) -> None:
    secret = "sk-do-not-tell-anyone"
    server.key = secret
    server.reply = lambda body: (f"the key is {secret}", "stop")
    cache, file = RequestCache(tmp_path / "mine"), tmp_path / "answers.parquet"
    system = {"role": "system", "content": "a very private prompt"}
    asked = [system, *request("a")["messages"]]
    Client(connect(server.address, api_key=secret), cache).ask([request("a", messages=asked, top_k=7)])
    assert export(cache, file) == 1
    table = pq.read_table(file)
    content = f"{table.to_pylist()} {table.schema} {pq.read_metadata(file).metadata}"
    assert "the key is ***" in content
    for private in (secret, "private prompt", "top_k", server.address, "127.0.0.1", str(tmp_path)):
        assert private not in content
        assert private.encode() not in file.read_bytes()


def test_the_same_answers_make_the_same_file(tmp_path: Path) -> None:
    numbers = list(range(50))
    export(filled(tmp_path / "one", numbers), tmp_path / "one.parquet")
    random.Random(0).shuffle(numbers)
    export(filled(tmp_path / "other", numbers), tmp_path / "other.parquet")
    keys = pq.read_table(tmp_path / "one.parquet").column("key").to_pylist()
    assert keys == sorted(map(key, range(50)))
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()


def test_old_answers_stay_when_others_are_merged(tmp_path: Path) -> None:
    file = written(tmp_path / "answers.parquet", [{**row(1), "text": "another"}, row(2)])
    cache = filled(tmp_path / "mine", [1])
    assert merge(cache, file) == (1, 2)
    assert all_answers(cache) == {key(1): answer(1), key(2): answer(2)}


def test_an_answer_replaces_the_refusal_that_was_kept(tmp_path: Path, server: ChatServer) -> None:
    server.faults["a"] = ["422"]
    cache = RequestCache(tmp_path / "mine")
    client = Client(connect(server.address), cache)
    assert texts(client.ask([request("a")])) == ["rejected"]
    merged_row = {**row(1), "key": request_key(request("a"), client.identity), "text": "of another"}
    merge(cache, written(tmp_path / "answers.parquet", [merged_row]))
    assert texts(client.ask([request("a")])) == ["of another"]


def damaged(file: Path) -> Path:
    export(filled(file.with_suffix(".sqlite"), range(100)), file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    return file


def not_utf8(file: Path) -> Path:
    """Write a file whose text is not UTF-8."""
    text = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"], pa.binary()).buffers())
    table = pa.Table.from_pylist([row(1)], SCHEMA)
    pq.write_table(table.set_column(SCHEMA.get_field_index("text"), SCHEMA.field("text"), text), file)
    return file


def folder(file: Path) -> Path:
    file.mkdir()
    return file


def text_file(file: Path) -> Path:
    file.write_text("key,text\n" * 100)
    return file


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda file: file, "cannot be read as Parquet"),
        (folder, "cannot be read as Parquet"),
        (text_file, "cannot be read as Parquet"),
        (damaged, "cannot be read as Parquet"),
        (not_utf8, "cannot be read as Parquet"),
        (lambda file: file.touch() or file, "cannot be read as Parquet"),
        (lambda file: written(file, [{"a": 1}], pa.schema([("a", pa.int64())])), "has other columns"),
        (lambda file: written(file, [row(1)], SCHEMA.append(pa.field("x", pa.int8()))), "has other columns"),
        (lambda file: written(file, [row(1), {**row(2), "key": None}]), "row that is not an answer"),
        (lambda file: written(file, [row(1), {**row(2), "key": "../../x"}]), "row that is not an answer"),
        (lambda file: written(file, [row(1), {**row(2), "key": key(2) + "\n"}]), "row that is not an answer"),
        (lambda file: written(file, [row(1), {**row(2), "text": None}]), r"without \['text'\]"),
        (
            lambda file: written(file, [row(1), {**row(2), "n_prompt_tokens": None}]),
            "row that is not an answer",
        ),
    ],
    ids=[
        *("missing", "folder", "text", "damaged", "no UTF-8", "empty", "foreign", "one more column"),
        *("null key", "path for a key", "line for a key", "null text", "null tokens"),
    ],
)
def test_a_file_that_holds_no_answers_is_reported_and_adds_nothing(
    tmp_path: Path, make: Any, message: str
) -> None:
    file = make(tmp_path / "answers.parquet")
    cache = filled(tmp_path / "mine", [5])
    with pytest.raises(CacheUnusable, match=message) as caught:
        merge(cache, file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all_answers(cache) == {key(5): answer(5)}


def test_a_run_without_a_cache_has_nothing_to_export(tmp_path: Path) -> None:
    absent = RequestCache(tmp_path / "run" / "requests.sqlite")
    with pytest.raises(CacheUnusable, match="does not exist"):
        export(absent, tmp_path / "answers.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    cache = filled(tmp_path / "mine", [1])
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "absent" / "answers.parquet", tmp_path / "folder", tmp_path / "mine" / "file"):
        with pytest.raises(CacheUnusable, match="choose another place") as caught:
            export(cache, place)
        assert "\n" not in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "mine"]


def test_a_cache_that_fails_under_way_leaves_the_old_file(tmp_path: Path) -> None:
    cache, file = filled(tmp_path / "mine", range(3)), tmp_path / "answers.parquet"
    export(cache, file)
    before = file.read_bytes()
    cache.path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(CacheUnusable, match="not a request cache"):
        export(cache, file)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.parquet", "mine"]


@pytest.mark.parametrize("exported_before", [False, True])
def test_a_kill_in_mid_export_leaves_no_half_file(
    tmp_path: Path, exported_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, file = filled(tmp_path / "mine", range(3000)), tmp_path / "answers.parquet"
    if exported_before:
        written(file, [row(1)])
    run = multiprocessing.get_context("fork").Process(target=export, args=(cache, file))
    with monkeypatch.context() as patch:
        patch.setattr("builders.inference.cache_files.N_ROWS_AT_ONCE", 1)
        run.start()
    unfinished = file.with_name("answers.parquet.unfinished")
    while not (unfinished.exists() and unfinished.stat().st_size > 10_000):
        assert run.is_alive()
        time.sleep(0.001)
    run.kill()
    run.join()
    assert run.exitcode == -signal.SIGKILL
    assert unfinished.exists()
    assert pq.read_table(file).num_rows == 1 if exported_before else not file.exists()
    assert export(cache, file) == 3000
    assert not unfinished.exists()
    assert pq.read_table(file).num_rows == 3000


def put_one_by_one(cache: RequestCache, numbers: Sequence[int]) -> None:
    with cache.open() as answers:
        for number in numbers:
            answers.put(key(number), answer(number))


def test_several_processes_merging_and_writing_at_once_lose_nothing(tmp_path: Path) -> None:
    files = [tmp_path / f"{start}.parquet" for start in (0, 500)]
    for start, file in zip((0, 500), files, strict=True):
        export(filled(tmp_path / f"{start}", range(start, start + 800)), file)
    cache = RequestCache(tmp_path / "shared")
    with ProcessPoolExecutor(4) as pool:
        merges = [pool.submit(merge, cache, file) for file in files]
        writes = [pool.submit(put_one_by_one, cache, range(start, start + 200)) for start in (700, 1300)]
        n_new = sum(merged.result()[0] for merged in merges)
        for write in writes:
            write.result()
    assert all_answers(cache) == {key(number): answer(number) for number in range(1500)}
    assert 1300 - 200 <= n_new <= 1300
