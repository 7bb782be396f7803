"""What asking has come to so far: requests, tokens, failures, and what is under way.

In: events of a client. Out: counters, read by progress lines and telemetry while they change.
Tested in tests/builders/inference/asking/test_chat.py.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from builders.inference.answers import Completion


@dataclass
class Usage:
    """Counters of a client since its creation; tokens are those of answers that came over the wire."""

    asked: int = 0
    """Requests sent, tries included."""
    answered: int = 0
    """Answers that came."""
    from_cache: int = 0
    """Answers that were known."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt tokens, those that the server had in its prefix cache."""
    failures: Counter[str] = field(default_factory=Counter)
    """Tries that got no answer, and lasting refusals, by reason."""
    in_flight: int = 0
    waiting: int = 0

    def count(self, completion: Completion) -> None:
        """Adds one reply of the server."""
        self.answered += len(completion.answers)
        self.prompt_tokens += completion.n_prompt_tokens
        self.completion_tokens += completion.n_completion_tokens
        self.cached_tokens += completion.n_cached_tokens

    def count_prefill(self, completion: Completion) -> None:
        """Adds one that answers nothing: its prompt was computed for others to find it in the cache."""
        self.prompt_tokens += completion.n_prompt_tokens
        self.cached_tokens += completion.n_cached_tokens

    def snapshot(self) -> "Usage":
        """A copy that stays."""
        return Usage(**{**vars(self), "failures": Counter(self.failures)})

    def since(self, before: "Usage") -> dict[str, Any]:
        """What was added after `before`, as JSON; not what is under way."""
        names = ("asked", "answered", "from_cache", "prompt_tokens", "completion_tokens", "cached_tokens")
        added = {name: getattr(self, name) - getattr(before, name) for name in names}
        return {**added, "failures": dict(sorted((self.failures - before.failures).items()))}
