"""What comes back for a request: an `Answer`, or a `Refusal` when asking again would not help.

In: the JSON body of a chat completion. Out: the parts of it that the tables need, as one value that also
goes into the request cache. Not covered: several choices for one request (`n` > 1), tool calls, logprobs.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any


class NoAnswer(Exception):
    """The body holds no finished answer; the same request may get one later."""


@dataclass(frozen=True)
class Answer:
    """One reply of the model. `finish_reason` is the server's: "stop", "length" (cut by max_tokens), ..."""

    text: str
    reasoning: str
    finish_reason: str
    n_prompt_tokens: int
    n_completion_tokens: int
    n_cached_tokens: int
    from_cache: bool = False

    def to_json(self) -> str:
        """The form kept in the request cache."""
        fields = asdict(self)
        del fields["from_cache"]
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


@dataclass
class Usage:
    """Counters of a client since its creation; tokens are those of answers that came over the wire."""

    asked: int = 0
    from_cache: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def count(self, answer: Answer) -> None:
        """Adds one answer of the server."""
        self.prompt_tokens += answer.n_prompt_tokens
        self.completion_tokens += answer.n_completion_tokens
        self.cached_tokens += answer.n_cached_tokens


def parsed(body: bytes) -> Any:
    """The JSON of a reply; raises ValueError where there is none, or it is nested too deep to be read."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deep") from None


def read_answer(body: bytes) -> Answer:
    """Reads a chat completion; raises NoAnswer when it is not one, is empty or was broken off."""
    try:
        completion = parsed(body)
    except ValueError:
        raise NoAnswer("the reply is not JSON") from None
    choices = completion.get("choices") if isinstance(completion, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise NoAnswer("the reply has no choices")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise NoAnswer("the reply has no message")
    finish_reason = _text(choice.get("finish_reason"))
    if finish_reason in ("abort", "error"):  # sglang when it is stopped, routers when their server fails
        raise NoAnswer(f"the server broke the answer off ({finish_reason})")
    text = _text(message.get("content"))
    reasoning = _text(message.get("reasoning_content") or message.get("reasoning"))
    if not (text or reasoning or finish_reason):
        raise NoAnswer("the reply is empty")
    usage = completion.get("usage")
    return Answer(
        text=text,
        reasoning=reasoning,
        finish_reason=finish_reason,
        n_prompt_tokens=_count(usage, "prompt_tokens"),
        n_completion_tokens=_count(usage, "completion_tokens"),
        n_cached_tokens=_count(_entry(usage, "prompt_tokens_details"), "cached_tokens"),
    )


def _entry(mapping: Any, name: str) -> Any:
    return mapping.get(name) if isinstance(mapping, dict) else None


def _count(mapping: Any, name: str) -> int:
    value = _entry(mapping, name)
    return value if isinstance(value, int) else 0


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    # JSON can spell half a surrogate pair, which neither SQLite nor Arrow can store.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
