"""The verifier: the rules that judge an answer, and the canonical JSON form of every value.

In: a model's reply, the recorded input and output of a pair, and, for input predictions, a function that runs
the code. Out: a `Verdict`. Builder, reward, metric and audit all import this module, and a copy of it ships
with every published dataset, so it needs only the standard library.

Not covered: running code. The caller passes `verify` a function that runs it, which must be sandboxed.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

Direction = Literal["input", "output"]
Status = Literal["correct", "wrong", "exception", "no_answer", "timeout"]
STATUSES: tuple[Status, ...] = ("correct", "wrong", "exception", "no_answer", "timeout")
"""The statuses of a verdict.

`correct` and `wrong`: values were compared. `exception`: a predicted input is not valid, or the code fails on
it. `timeout`: the code does not end in time. `no_answer`: the reply holds no prediction.
"""

MAX_DEPTH = 64
# CodeI/O (App. A) limits values by their size in CPython's memory: 1,024 bytes in total, containers under 20
# elements, strings under 100 characters, anything else under 128 bytes. Memory sizes differ between
# interpreters, so the same limits apply here to the canonical JSON text, which models also read and write.
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
    """A value or text without canonical JSON; the message says why.

    The reasons: NaN or an infinity, an integer of over 4,300 digits, a lone surrogate, a duplicate key, a key
    that is not a string, more than `MAX_DEPTH` levels, a type that JSON does not have, or a text that is not
    JSON.
    """


class Execution(Protocol):
    """The result of running the code on one input, as `verify` needs it.

    `builders.execution.Execution` implements it. Any class with these four attributes will do.

    Example:
        >>> class Returned(NamedTuple):
        ...     output: str
        ...     status: str = "ok"
        ...     error_type: str | None = None
        ...     error_message: str | None = None
        >>> verify("input", '{"n":7}', '{"n":7}', "14", run=lambda text: Returned("14")).status
        'correct'
    """

    @property
    def status(self) -> str:
        """`ok`, `exception`, `timeout`, `memory` or `refused`."""

    @property
    def output(self) -> str | None:
        """The returned value as canonical JSON if the status is `ok`."""

    @property
    def error_type(self) -> str | None:
        """The name of the exception, or the reason for a refusal."""

    @property
    def error_message(self) -> str | None:
        """The text of that exception or refusal, shortened."""


class Verdict(NamedTuple):
    """A judgement: a status of `STATUSES`, and the feedback for the model (None if correct).

    Example:
        >>> status, feedback = verify("output", None, '{"n":7}', "14")
        >>> status
        'no_answer'
        >>> print(feedback)
        No answer was found: the reply has no JSON object with the key "output".
    """

    status: Status
    feedback: str | None


def canonical(value: Any) -> str:
    """Return a value as canonical JSON, the only text that codeio stores for it.

    Keys are sorted, there are no spaces, and characters outside ASCII are not escaped. Numbers keep every
    digit, and a tuple becomes a list.

    Args:
        value: None, a bool, int, float or str, or a list, tuple or dict of these, up to `MAX_DEPTH` levels
            deep. Dict keys must be strings.

    Returns:
        The text. Each JSON value has exactly one, so it can be compared and hashed.

    Raises:
        CanonicalError: If the value has no canonical JSON.

    Example:
        >>> print(canonical({"b": (1, 2.50), "a": None}))
        {"a":null,"b":[1,2.5]}
    """
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
    """Parse JSON strictly.

    Args:
        text: JSON; it need not be canonical.

    Returns:
        The value, which `canonical` is sure to accept.

    Raises:
        CanonicalError: If the text is not JSON, holds NaN, an infinity, a duplicate key or a lone surrogate,
            or is nested deeper than `MAX_DEPTH` levels.

    Example:
        >>> loads(' {"n": 7} ')
        {'n': 7}
        >>> loads('{"n": 7, "n": 8}')
        Traceback (most recent call last):
            ...
        builders.verifier.CanonicalError: a key stands twice in one object
    """
    value = decode(text)
    canonical(value)
    return value


def decode(text: str) -> Any:
    """Parse JSON as `loads` does, except for two checks: lone surrogates and depth.

    It suits a text whose value goes through `canonical` next, which makes these two checks.

    Args:
        text: JSON; it need not be canonical.

    Returns:
        The value.

    Raises:
        CanonicalError: If the text is not JSON, or holds NaN, an infinity or a duplicate key.

    Example:
        >>> canonical(decode('{"b": 1, "a": 2}'))
        '{"a":2,"b":1}'
    """
    try:
        return _STRICT.decode(text)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(str(error)) from error


def fits(text: str) -> bool:
    """Return whether a value is within the size limits of CodeI/O (App. A), applied to canonical JSON.

    Args:
        text: The value as canonical JSON.

    Returns:
        True if the text has at most `MAX_TEXT_BYTES` bytes in UTF-8, every list and object fewer than
        `MAX_ELEMENTS` elements, every string and key fewer than `MAX_STRING_CHARS` characters, and every
        number fewer than `MAX_NUMBER_BYTES` characters.

    Example:
        >>> fits("[1,2,3]"), fits(canonical(list(range(20))))
        (True, False)
    """
    return len(text.encode("utf-8")) <= MAX_TEXT_BYTES and _fits(json.loads(text))


def extract(response: str, direction: Direction) -> str | None:
    """Return the prediction in a reply as canonical JSON.

    It is the value of the key `direction` in the last outermost JSON object that has this key. Nothing is
    repaired: single quotes, `True` and a trailing comma are not JSON. An object that is nested too deep for a
    valid value is skipped.

    Args:
        response: The whole reply; the answer may stand anywhere in the text.
        direction: "output" if the model predicts what the code returns, "input" if it predicts arguments.

    Returns:
        The prediction, ready for `verify`, or None if the reply has none.

    Example:
        >>> print(extract('First I thought {"output": 7}, but it is {"output": [7, 8]}.', "output"))
        [7,8]
        >>> print(extract("The output is [7, 8].", "output"))
        None
    """
    found: str | None = None
    position = 0
    unclosed: set[int] = set()
    while match := _OBJECT_START.search(response, position):
        start, position = match.start(), match.start() + 1
        if start in unclosed:
            continue
        end, depth, still_open = _extent(response, start)
        if end is None:  # the brackets that are still open inside have no end either: skip them all
            unclosed.update(still_open)
        elif depth > MAX_DEPTH + 1:  # skip it whole, because the decoder is recursive
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
    """Return the end and the depth of the object at `start`, by counting brackets, and an empty list.

    If the text ends before the object, return None as its end, and the positions of the open brackets.
    """
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
    """Return whether a predicted JSON value equals the expected one.

    The types must agree (`true` is not `1`, but an int may stand for a float), and strings must be identical.
    Two integers must be identical too. Other numbers may differ by 0.1 % of the expected one
    (`RELATIVE_TOLERANCE`), or by 1e-9 if that is zero (`ABSOLUTE_TOLERANCE_AT_ZERO`).

    Args:
        expected: The recorded value, as parsed from JSON.
        predicted: The value to compare with it, as parsed from JSON.

    Returns:
        True if they are equal in every element.

    Example:
        >>> equal([1.0, "a"], [1.0005, "a"]), equal(1000, 1001), equal(True, 1)
        (True, False, False)
    """
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
    """Judge a prediction against a recorded pair.

    A predicted output must equal the recorded one. A predicted input is right if the code returns the
    recorded output for it: any pre-image counts, not only the recorded input.

    Args:
        direction: "output" or "input", the half of the pair that was predicted.
        prediction: Canonical JSON, or None, as `extract` returns it.
        pair_input: The recorded input as canonical JSON: an object with the arguments by name.
        pair_output: The recorded output as canonical JSON.
        run: Runs the code on an input (canonical JSON). Only input predictions need it. It must be sandboxed,
            and it must prove that the code is deterministic on this input, as pairs are proven: in several
            runs that agree.

    Returns:
        The verdict, with feedback for the model unless it is correct.

    Raises:
        ValueError: If an input prediction has to be run, and there is no `run`.

    Example:
        >>> verify("output", "14.0", '{"n":7}', "14")
        Verdict(status='correct', feedback=None)
        >>> print(verify("output", "15", '{"n":7}', "14").feedback)
        The predicted output 15 is not what the code returns for {"n":7}.
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
        # An infinity is not JSON, but readers less strict than `loads` accept it: it equals nothing.
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
    """Raise CanonicalError if a value is too deep or a key is not a string.

    It does not recurse, because the value may be hostile.
    """
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, _CONTAINERS)]
        if not containers:
            return
        level = []
        for container in containers:
            if isinstance(container, dict):
                # json.dumps sorts 2 before 10, but "10" before "2": the text would not be canonical.
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
