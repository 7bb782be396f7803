"""What comes back for a request: an `Answer`, or a `Refusal` when asking again would not help.

In: the JSON body of a chat completion. Out: the parts of it that the tables need, as one value that also
goes into the request cache. Not covered: tool calls, logprobs.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

_VERSION = re.compile(r"([-@:][\d.-]+|:latest)?")  # what names of one model may differ in at their ends
_MOST_TOKENS = 2**31 - 1  # what a column of the tables holds


class NoAnswer(Exception):
    """The body holds no finished answer; the same request may get one later."""


@dataclass(frozen=True)
class Answer:
    """One reply of the model. `finish_reason` is the server's: "stop", "length" (cut by max_tokens), ...

    `n_completion_tokens` is None where the server gave several answers at once and told only their sum.
    """

    text: str
    reasoning: str
    finish_reason: str
    n_prompt_tokens: int
    n_completion_tokens: int | None
    n_cached_tokens: int
    from_cache: bool = False

    def to_json(self) -> str:
        """The form kept in the request cache."""
        fields = {name: value for name, value in vars(self).items() if name != "from_cache"}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Answer":
        """Reads `to_json` back, marked as coming from the cache."""
        return cls(**json.loads(text), from_cache=True)


@dataclass(frozen=True)
class Refusal:
    """A lasting no to one request: `reason` "context_too_long" or "rejected", `detail` the server's words."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Completion:
    """All answers of one reply, and the tokens that it cost together."""

    answers: list[Answer]
    n_prompt_tokens: int
    n_completion_tokens: int
    n_cached_tokens: int


def parsed(body: bytes) -> Any:
    """The JSON of a reply; raises ValueError where there is none, or it is nested too deep to be read."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deep") from None


def read_answers(body: bytes, model: str) -> Completion:
    """Reads a chat completion of `model`, an answer for each finished choice.

    Raises NoAnswer when it is not one, comes from another model, or when all it holds is empty or broken off.
    """
    try:
        completion = parsed(body)
    except ValueError:
        raise NoAnswer("the reply is not JSON") from None
    choices = _entry(completion, "choices")
    if not isinstance(choices, list) or not choices:
        raise NoAnswer("the reply has no choices")
    _check_model(model, _entry(completion, "model"))
    usage = _entry(completion, "usage")
    n_prompt = _count(usage, "prompt_tokens")
    n_cached = max(
        _count(_entry(usage, "prompt_tokens_details"), "cached_tokens"),
        _count(_entry(choices[0], "meta_info"), "cached_tokens"),
    )
    n_in_all = _count(usage, "completion_tokens")
    answers, errors = [], []
    for choice in choices:
        # sglang tells of each choice if asked to; else only the sum of all is known.
        n_told = _count(_entry(choice, "meta_info"), "completion_tokens")
        n_own = n_told or (n_in_all if len(choices) == 1 else None)
        try:
            answers.append(_read_choice(choice, n_prompt, n_own, n_cached))
        except NoAnswer as error:
            errors.append(error)
    if not answers:
        raise errors[0]
    return Completion(answers, n_prompt, n_in_all, n_cached)


def _read_choice(choice: Any, n_prompt: int, n_completion: int | None, n_cached: int) -> Answer:
    message = _entry(choice, "message")
    if not isinstance(message, dict):
        raise NoAnswer("the reply has no message")
    finish_reason = _string(choice.get("finish_reason"))
    if finish_reason in ("abort", "error"):  # sglang when it is stopped, routers when their server fails
        raise NoAnswer(f"the server broke the answer off ({finish_reason})")
    text = _string(message.get("content"))
    reasoning = _string(message.get("reasoning_content") or message.get("reasoning"))
    if not (text or reasoning or finish_reason):
        raise NoAnswer("the reply is empty")
    if not reasoning:
        reasoning, text = _parted(text)
    return Answer(text, reasoning, finish_reason, n_prompt, n_completion, n_cached)


def _parted(text: str) -> tuple[str, str]:
    """Reasoning and the answer after it, of a reasoning model whose server leaves them in one text.

    Some chat templates open the reasoning in the prompt, so its first mark may be missing; a reply that was
    cut off may lack the last.
    """
    opening, closing = "<think>", "</think>"
    before, mark, after = text.partition(closing)
    if mark:
        return before.strip().removeprefix(opening).strip(), after.lstrip()
    if text.lstrip().startswith(opening):
        return text.strip().removeprefix(opening).strip(), ""
    return "", text


def _check_model(asked: str, told: Any) -> None:
    """Names may differ in case, owner or date (`gpt-4o` answers as `gpt-4o-2024-08-06`), not in all."""
    if not isinstance(told, str) or not told:
        return
    one, other = sorted((name.lower().rpartition("/")[2] for name in (asked, told)), key=len)
    if not (other.startswith(one) and _VERSION.fullmatch(other.removeprefix(one))):
        raise NoAnswer(f"{told[:100]} answered, not {asked}")


def _entry(mapping: Any, name: str) -> Any:
    return mapping.get(name) if isinstance(mapping, dict) else None


def _count(mapping: Any, name: str) -> int:
    value = _entry(mapping, name)
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else 0  # true is an int too


def _string(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    # JSON can spell half a surrogate pair, which neither SQLite nor Arrow can store.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
