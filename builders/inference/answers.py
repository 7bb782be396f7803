"""The outcome of a request: an `Answer`, or a `Refusal` if asking again would not help.

In: the JSON body of a chat completion. Out: the parts of it that the tables need, as one value that is also
stored in the request cache. Not covered: tool calls, logprobs.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

_VERSION = re.compile(r"([-@:][\d.-]+|:latest)?")  # an ending by which names of one model may differ
_MOST_TOKENS = 2**31 - 1  # the largest value that an int32 column of the tables holds


class NoAnswer(Exception):
    """A reply without a finished answer; the same request may get one later."""


@dataclass(frozen=True)
class Answer:
    """One reply of the model, with its token counts; a count is 0 if the server does not report it.

    Attributes:
        text: What the model wrote, without its reasoning.
        reasoning: What a reasoning model thought before the text; empty for other models.
        finish_reason: The server's word for why the text ends: "stop", "length" (cut off by max_tokens), ...
        n_prompt_tokens: Tokens of the prompt, including those from the server's prefix cache.
        n_completion_tokens: Tokens of the reply; None if the server gave several answers at once and
            reported only the sum of their tokens.
        n_cached_tokens: Prompt tokens that the server found in its prefix cache.
        from_cache: Whether the answer was read from the request cache.

    Example:
        >>> answer = Answer('{"output": 14}', "It doubles n.", "stop", 120, 9, 96)
        >>> Answer.from_json(answer.to_json()).from_cache
        True
    """

    text: str
    reasoning: str
    finish_reason: str
    n_prompt_tokens: int
    n_completion_tokens: int | None
    n_cached_tokens: int
    from_cache: bool = False

    def to_json(self) -> str:
        """Return the JSON text that the request cache stores; `from_cache` is not part of it."""
        fields = {name: value for name, value in vars(self).items() if name != "from_cache"}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Answer":
        """Return the answer that `to_json` wrote as `text`, marked as coming from the cache."""
        return cls(**json.loads(text), from_cache=True)


@dataclass(frozen=True)
class Refusal:
    """A permanent refusal: the server will never answer this request.

    Attributes:
        reason: "context_too_long" or "rejected".
        detail: The HTTP status and the first 500 characters of the server's words, without the API key.
    """

    reason: str
    detail: str


@dataclass(frozen=True)
class Completion:
    """All answers of one reply, and the tokens of all of them together."""

    answers: list[Answer]
    n_prompt_tokens: int
    n_completion_tokens: int
    n_cached_tokens: int


def parsed(body: bytes) -> Any:
    """Return the JSON value of a reply; raise ValueError if it is not JSON or is nested too deep."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deep") from None


def read_answers(body: bytes, model: str) -> Completion:
    """Return the answers in a chat completion of `model`, one for each finished choice.

    Args:
        body: The body of the server's reply.
        model: The name of the model that was asked.

    Raises:
        NoAnswer: The body is not a chat completion, comes from a different model, or holds only choices that
            are empty or were broken off.

    Example:
        >>> body = b'{"choices": [{"message": {"content": "14"}, "finish_reason": "stop"}]}'
        >>> read_answers(body, "qwen2.5-coder").answers[0].text
        '14'
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
    n_completion_of_all = _count(usage, "completion_tokens")
    answers, errors = [], []
    for choice in choices:
        # sglang reports the tokens of each choice if asked to; other servers report only the sum.
        n_reported = _count(_entry(choice, "meta_info"), "completion_tokens")
        n_completion = n_reported or (n_completion_of_all if len(choices) == 1 else None)
        try:
            answers.append(_read_choice(choice, n_prompt, n_completion, n_cached))
        except NoAnswer as error:
            errors.append(error)
    if not answers:
        raise errors[0]
    return Completion(answers, n_prompt, n_completion_of_all, n_cached)


def _read_choice(choice: Any, n_prompt: int, n_completion: int | None, n_cached: int) -> Answer:
    message = _entry(choice, "message")
    if not isinstance(message, dict):
        raise NoAnswer("the reply has no message")
    finish_reason = _string(choice.get("finish_reason"))
    if finish_reason in ("abort", "error"):  # from a stopped sglang; from routers if their server fails
        raise NoAnswer(f"the server broke the answer off ({finish_reason})")
    text = _string(message.get("content"))
    reasoning = _string(message.get("reasoning_content") or message.get("reasoning"))
    if not (text or reasoning or finish_reason):
        raise NoAnswer("the reply is empty")
    if not reasoning:
        reasoning, text = _split_reasoning(text)
    return Answer(text, reasoning, finish_reason, n_prompt, n_completion, n_cached)


def _split_reasoning(text: str) -> tuple[str, str]:
    """Return the reasoning and the answer after it, for a server that leaves both in one text.

    Some chat templates put the opening mark into the prompt, so the reply may lack it. A reply that was cut
    off may lack the closing mark.
    """
    opening, closing = "<think>", "</think>"
    before, mark, after = text.partition(closing)
    if mark:
        return before.strip().removeprefix(opening).strip(), after.lstrip()
    if text.lstrip().startswith(opening):
        return text.strip().removeprefix(opening).strip(), ""
    return "", text


def _check_model(asked: str, reported: Any) -> None:
    """Raise NoAnswer if the reply reports a different model; one that reports none passes.

    Names of the same model may differ in case, owner or date: `gpt-4o` answers as `gpt-4o-2024-08-06`.
    """
    if not isinstance(reported, str) or not reported:
        return
    short, long = sorted((name.lower().rpartition("/")[2] for name in (asked, reported)), key=len)
    if not (long.startswith(short) and _VERSION.fullmatch(long.removeprefix(short))):
        raise NoAnswer(f"{reported[:100]} answered, not {asked}")


def _entry(mapping: Any, name: str) -> Any:
    return mapping.get(name) if isinstance(mapping, dict) else None


def _count(mapping: Any, name: str) -> int:
    value = _entry(mapping, name)
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else 0  # `bool` is a subclass of `int`


def _string(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    # JSON can spell half of a surrogate pair, which neither SQLite nor Arrow can store.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
