"""Replies with records that only an attacker would write: each is refused, and nothing raises an error."""

import json

import pytest

from builders.execution.inside.wire import EXIT_OUT_OF_MEMORY, frame
from builders.execution.replies import parse_reply

GOOD = '{"s":"ok","o":{"b":1,"a":[1.0]},"m":true,"c":1500}'


def reply(*processes: tuple[int, str, int, list[str]]) -> bytes:
    """Return a reply of processes: (first input, cause of the end, detail, records)."""
    body = b"".join(frame(text) for *_, records in processes for text in records)
    summaries = [
        [first, cause, detail, 2000, sum(len(frame(text)) for text in records)]
        for first, cause, detail, records in processes
    ]
    return json.dumps({"processes": summaries}).encode() + b"\n" + body


def test_a_good_record_is_written_canonically() -> None:
    [run] = parse_reply(reply((0, "exit", 0, [GOOD])), 1)
    assert (run.status, run.output, run.mutated, run.cpu_ms) == ("ok", '{"a":[1.0],"b":1}', True, 1.5)


@pytest.mark.parametrize(
    "record",
    [
        "[]", "1", "x", "{}", '{"s":"ok"}', '{"s":"fine","o":1}', '{"s":"ok","o":NaN}',
        '{"s":"ok","o":Infinity}',
        '{"s":"ok","o":1,"o":2}', '{"s":"ok","o":{"a":1,"a":1}}', '{"s":"ok","o":"\\ud800"}',
        '{"s":"ok","o":' + "9" * 5000 + "}", '{"s":"ok","o":' + "[" * 90_000 + "]" * 90_000 + "}",
        '{"s":"ok","o":1,"c":"x"}', '{"s":"ok","o":1,"c":-1}', '{"s":"ok","o":1,"m":1}', '{"s":"ok","o":1} x',
        '{"s":"error","t":1,"e":"x"}', '{"s":"error","t":"x","e":"\\ud800"}',
        '{"s":"error"}', '{"s":["ok"],"o":1}',
    ],
)  # fmt: skip
def test_a_bad_record_is_refused(record: str) -> None:
    bad, good = parse_reply(reply((0, "exit", 0, [record, GOOD])), 2)
    assert (bad.status, bad.output, bad.error_type) == ("refused", None, "bad_record")
    assert good.status == "ok"


def test_bytes_that_are_no_text_are_refused() -> None:
    data = reply((0, "exit", 0, ['{"s":"ok","o":"??"}'])).replace(b"??", b"\xff\xfe")
    assert parse_reply(data, 1)[0].error_type == "bad_record"


def test_the_end_of_a_process_is_the_fate_of_its_input() -> None:
    runs = parse_reply(
        reply(
            (0, "cpu", 0, [GOOD]),
            (2, "signal", 11, []),
            (3, "exit", EXIT_OUT_OF_MEMORY, ['{"s":"memory"}']),
            (4, "wall", 0, []),
        ),
        6,
    )
    assert [run.status for run in runs] == ["ok", "timeout", "refused", "memory", "timeout", "timeout"]
    assert runs[2].error_message == "killed by SIGSEGV"


def test_what_is_run_again_is_judged_by_the_later_run() -> None:
    runs = parse_reply(
        reply((0, "exit", EXIT_OUT_OF_MEMORY, [GOOD, '{"s":"memory"}']), (1, "exit", 0, [GOOD, GOOD])), 3
    )
    assert [run.status for run in runs] == ["ok"] * 3


def test_too_many_records_refuse_the_job() -> None:
    runs = parse_reply(reply((0, "records", 0, [GOOD, GOOD, GOOD])), 2)
    assert [(run.status, run.error_type) for run in runs] == [("refused", "too_many_records")] * 2


def test_a_lost_reply_refuses_the_job() -> None:
    assert [run.error_type for run in parse_reply(None, 2)] == ["died", "died"]
