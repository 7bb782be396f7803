"""The rules by which an answer is judged, and the form in which values are written.

In: a model's reply, the recorded input and output of a pair, and, for input predictions, a way to run the
code. Out: a `Verdict`. Builder, reward, metric and audit import this one module, and its copy ships in every
published dataset, so it stands on the standard library alone.

Not covered: running code. `verify` is handed a function that runs it, which must be a sandbox.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

Direction = Literal["input", "output"]
Status = Literal["correct", "wrong", "exception", "no_answer", "timeout"]
STATUSES: tuple[Status, ...] = ("correct", "wrong", "exception", "no_answer", "timeout")

MAX_DEPTH = 64
# CodeI/O, App. A, bounds values by their size in CPython's memory: 1,024 bytes in all, containers under 20
# elements, strings under 100 characters, anything else under 128 bytes. Memory sizes differ by interpreter,
# so the same figures are applied here to the canonical JSON text, which a model also reads and writes.
MAX_TEXT_BYTES = 1024
MAX_ELEMENTS = 20
MAX_STRING_CHARS = 100
MAX_NUMBER_BYTES = 128

RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE_AT_ZERO = 1e-9
_SHOWN_CHARS = 300
_OBJECT_START = re.compile(r'\{\s*["}]')
_BRACKET = re.compile(r'"(?:[^"\\]+|\\.?)*(?:"|\Z)|([{[])|([}\]])', re.DOTALL)
_CONTAINERS = (dict, list, tuple)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class CanonicalError(ValueError):
    """Has no canonical JSON: NaN, a lone surrogate, a key twice or no string, too deep, or another type."""


class Execution(Protocol):
    """What a run of the code on one input tells (`builders.execution.Execution` is one)."""

    @property
    def status(self) -> str:
        """`ok`, `exception`, `timeout`, `memory` or `refused`."""

    @property
    def output(self) -> str | None:
        """Canonical JSON of the returned value when the status is `ok`."""

    @property
    def error_type(self) -> str | None:
        """Name of the exception, or of the reason for a refusal."""

    @property
    def error_message(self) -> str | None:
        """Its text, shortened."""


class Verdict(NamedTuple):
    """A status, and what to tell the one who answered (None when correct)."""

    status: Status
    feedback: str | None


def canonical(value: Any) -> str:
    """Write a JSON value in its one canonical form; raises CanonicalError when it has none."""
    try:
        _check(value)
        text: str = _CANONICAL.encode(value)
        text.encode("utf-8")
    except CanonicalError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise CanonicalError(str(error)) from error
    return text


def loads(text: str) -> Any:
    """Read JSON strictly: no NaN or infinities, no duplicate keys, no lone surrogates, bounded depth."""
    value = decode(text)
    canonical(value)
    return value


def decode(text: str) -> Any:
    """Read JSON without NaN, infinities and duplicate keys; the rest is found where `canonical` writes it."""
    try:
        return _STRICT.decode(text)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(str(error)) from error


def fits(text: str) -> bool:
    """Whether a canonical value is within the size limits (CodeI/O, App. A, restated on canonical JSON)."""
    return len(text.encode("utf-8")) <= MAX_TEXT_BYTES and _fits(json.loads(text))


def extract(response: str, direction: Direction) -> str | None:
    """Return the prediction in a reply as canonical JSON, or None.

    It is the value under the asked key in the last outermost JSON object that has this key. Nothing is
    repaired: single quotes, `True` or a trailing comma are no JSON. An object nested deeper than values may
    be holds no answer.
    """
    found: str | None = None
    position = 0
    unclosed: set[int] = set()
    while match := _OBJECT_START.search(response, position):
        start, position = match.start(), match.start() + 1
        if start in unclosed:
            continue
        end, depth, still_open = _extent(response, start)
        if end is None:  # nor do those close that are open within: none is looked at again
            unclosed.update(still_open)
        elif depth > MAX_DEPTH + 1:  # skipped whole, for the decoder recurses
            position = end
        else:
            try:
                value, _ = _STRICT.raw_decode(response[start:end])
                position = end
                if direction in value:
                    found = canonical(value[direction])
            except ValueError:
                continue
    return found


def _extent(text: str, start: int) -> tuple[int | None, int, list[int]]:
    """Where the object at `start` ends by its brackets, how deep it is, what is open at the text's end."""
    still_open: list[int] = []
    depth = 0
    for match in _BRACKET.finditer(text, start):
        opens, closes = match.groups()
        if opens:
            still_open.append(match.start())
            depth = max(depth, len(still_open))
        elif closes:
            still_open.pop()
            if not still_open:
                return match.end(), depth, []
    return None, depth, still_open


def equal(expected: Any, predicted: Any) -> bool:
    """Compare two JSON values: types alike, strings exact, numbers by value within the tolerance."""
    if isinstance(expected, bool) or isinstance(predicted, bool):
        return expected is predicted
    if isinstance(expected, int | float) and isinstance(predicted, int | float):
        return _equal_numbers(expected, predicted)
    if isinstance(expected, list) and isinstance(predicted, list):
        return len(expected) == len(predicted) and all(map(equal, expected, predicted))
    if isinstance(expected, dict) and isinstance(predicted, dict):
        return expected.keys() == predicted.keys() and all(equal(expected[k], predicted[k]) for k in expected)
    return type(expected) is type(predicted) and bool(expected == predicted)


def verify(
    direction: Direction,
    prediction: str | None,
    pair_input: str,
    pair_output: str,
    run: Callable[[str], Execution] | None = None,
) -> Verdict:
    """Judge a prediction (canonical JSON, from `extract`) against a recorded pair (canonical JSON both).

    An output must equal the recorded one. An input is right when `run` on it yields the recorded output:
    any pre-image counts, so `run` is needed, and it must prove determinism the way pairs are proven.
    """
    if prediction is None:
        return Verdict(
            "no_answer", f'No answer was found: the reply has no JSON object with the key "{direction}".'
        )
    if direction == "output":
        if equal(json.loads(pair_output), json.loads(prediction)):
            return Verdict("correct", None)
        shown, given = _shown(prediction), _shown(pair_input)
        return Verdict("wrong", f"The predicted output {shown} is not what the code returns for {given}.")
    if not isinstance(json.loads(prediction), dict):
        return Verdict(
            "exception", "The predicted input must be a JSON object that holds every argument by name."
        )
    if not fits(prediction):
        return Verdict("exception", "The predicted input is larger than an input may be.")
    if run is None:
        raise ValueError("an input prediction is judged by running the code on it: pass run")
    return _judge_run(run(prediction), prediction, pair_output)


def _judge_run(execution: Execution, prediction: str, pair_output: str) -> Verdict:
    given = f"With the predicted input {_shown(prediction)} the code"
    if execution.status == "ok" and execution.output is not None:
        if equal(json.loads(pair_output), json.loads(execution.output)):
            return Verdict("correct", None)
        return Verdict("wrong", f"{given} returns {_shown(execution.output)} and not {_shown(pair_output)}.")
    if execution.status == "timeout":
        return Verdict("timeout", f"{given} does not end within the time limit.")
    if execution.status == "memory":
        return Verdict("exception", f"{given} needs more memory than it may use.")
    if execution.error_type == "nondeterministic":
        return Verdict("exception", f"{given} does not return the same value each time.")
    error = ": ".join(filter(None, (execution.error_type, execution.error_message)))
    return Verdict("exception", f"{given} fails with {_shown(error)}.")


def _equal_numbers(expected: float, predicted: float) -> bool:
    if isinstance(expected, int) and isinstance(predicted, int):
        return expected == predicted
    try:
        tolerance = RELATIVE_TOLERANCE * abs(expected) if expected else ABSOLUTE_TOLERANCE_AT_ZERO
        # An infinity is no JSON value, but readers less strict than `loads` let one in: it equals nothing.
        return abs(expected - predicted) <= tolerance < math.inf
    except OverflowError:  # an integer beyond the range of floats
        return False


def _fits(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) < MAX_STRING_CHARS
    if isinstance(value, list):
        return len(value) < MAX_ELEMENTS and all(map(_fits, value))
    if isinstance(value, dict):
        return len(value) < MAX_ELEMENTS and all(_fits(key) and _fits(item) for key, item in value.items())
    return len(json.dumps(value)) < MAX_NUMBER_BYTES


def _check(value: Any) -> None:
    """Bound the depth, and take no keys but strings; without recursion, since the value may be hostile."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, _CONTAINERS)]
        if not containers:
            return
        level = []
        for container in containers:
            if isinstance(container, dict):
                # json.dumps sorts 2 before 10, but "10" before "2": such a text would not be canonical.
                if not all(isinstance(key, str) for key in container):
                    raise CanonicalError("a key is no string")
                level += container.values()
            else:
                level += container
    raise CanonicalError(f"nested deeper than {MAX_DEPTH} levels")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"


def _unique_keys(items: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(items)
    if len(value) != len(items):
        raise CanonicalError("a key stands twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise CanonicalError(f"{name} is not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant)
