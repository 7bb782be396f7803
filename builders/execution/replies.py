"""The parser of a zygote's reply: the only place where bytes written by untrusted code are read.

In: the reply. Out: one Execution for each input. Records are parsed strictly (`builders.verifier`), and what
is used of them is written again in canonical form. A record that is not valid becomes a refusal of that
input, never an error of the host.
"""

import json
import signal
from typing import Any

from builders.execution.inside.wire import EXIT_OUT_OF_MEMORY, frame_contents
from builders.execution.job import Execution
from builders.verifier import CanonicalError, canonical, decode

_MESSAGE_CHARS = 300
_TYPE_CHARS = 100


def parse_reply(reply: bytes | None, n_inputs: int) -> list[Execution]:
    """Return the executions of a request of `n_inputs` inputs; the reply is None if its zygotes were lost."""
    if reply is None:
        return [_refused("died", "the job ended its workers")] * n_inputs
    head, _, body = reply.partition(b"\n")
    answers: list[Execution] = []
    position = 0
    for first, cause, detail, cpu_us, n_bytes in json.loads(head)["processes"]:
        records = frame_contents(body[position : position + n_bytes], n_bytes)
        position += n_bytes
        # If there are too many records, none counts: there is no way to find out which ones are forged.
        answers[first:] = [] if cause == "records" else map(_parse_record, records)
        # Inputs without an answer share the fate of this process, unless a later process answers them.
        answers += [_failure(cause, detail, cpu_us / 1000)] * (n_inputs - len(answers))
    return answers


def _refused(error_type: str, message: str, cpu_ms: float = 0.0) -> Execution:
    """Return an execution whose outcome is refused."""
    return Execution("refused", None, error_type, message, cpu_ms)


def _failure(cause: str, detail: int, cpu_ms: float) -> Execution:
    if cause == "cpu":
        return Execution("timeout", None, None, "the CPU time is spent", cpu_ms)
    if cause == "wall":
        return Execution("timeout", None, None, "the time is spent, waiting", cpu_ms)
    if cause == "memory" or (cause == "exit" and detail == EXIT_OUT_OF_MEMORY):
        return Execution("memory", None, "MemoryError", "the memory is spent", cpu_ms)
    if cause == "records":
        return _refused("too_many_records", "the job wrote more records than it has inputs", cpu_ms)
    if cause == "size":
        return _refused("output_too_large", "the output is larger than a record may be", cpu_ms)
    if cause == "signal":
        return _refused("died", f"killed by {_signal_name(detail)}", cpu_ms)
    return _refused("died", f"exited with code {detail} and no answer", cpu_ms)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _parse_record(record: bytes) -> Execution:
    try:
        return _execution_from(decode(record.decode("utf-8")))
    except (UnicodeDecodeError, CanonicalError, _BadRecord) as error:
        return _refused("bad_record", str(error)[:_MESSAGE_CHARS])


class _BadRecord(ValueError):
    """The error of JSON that is not a record."""


def _execution_from(record: Any) -> Execution:
    if not isinstance(record, dict):
        raise _BadRecord("a record is an object")
    cpu_us, mutated = record.get("c", 0), record.get("m", False)
    if type(cpu_us) is not int or not 0 <= cpu_us < 2**53 or type(mutated) is not bool:
        raise _BadRecord("a field of another type")
    status, cpu_ms = record.get("s"), cpu_us / 1000
    if status == "ok" and "o" in record:
        return Execution("ok", canonical(record["o"]), None, None, cpu_ms, mutated)
    if status == "memory":
        return Execution("memory", None, "MemoryError", "the memory is spent", cpu_ms, mutated)
    error_type, message = record.get("t"), record.get("e")
    if status not in ("error", "refused") or not isinstance(error_type, str) or not isinstance(message, str):
        raise _BadRecord("no such kind of record")
    canonical([error_type, message])  # raises CanonicalError if there are lone surrogates
    return Execution(
        "exception" if status == "error" else "refused",
        None,
        error_type[:_TYPE_CHARS],
        message[:_MESSAGE_CHARS],
        cpu_ms,
        mutated,
    )
