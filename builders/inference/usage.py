"""The usage of a client: counters of requests, tokens and failures, and of what is in flight.

In: events of a client. Out: counters, which progress lines and telemetry read while they change.
Tested in tests/builders/inference/asking/test_chat.py.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from builders.inference.answers import Completion


@dataclass
class Usage:
    """Counters of a client since its creation; tokens are counted for answers from a server only.

    Attributes:
        asked: HTTP requests sent, including repeated tries and prefill requests.
        answered: Answers that came from a server.
        from_cache: Answers that were in the request cache.
        prompt_tokens: Tokens of the prompts, those of prefill requests included.
        completion_tokens: Tokens of the answers.
        cached_tokens: Prompt tokens that a server found in its prefix cache.
        failures: Tries without an answer and permanent refusals, by reason.
        in_flight: Answers that servers are computing now.
        waiting: Requests that wait to be sent.
    """

    asked: int = 0
    answered: int = 0
    from_cache: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    waiting: int = 0

    def count(self, completion: Completion) -> None:
        """Add the answers and tokens of one reply."""
        self.answered += len(completion.answers)
        self.prompt_tokens += completion.n_prompt_tokens
        self.completion_tokens += completion.n_completion_tokens
        self.cached_tokens += completion.n_cached_tokens

    def count_prefill(self, completion: Completion) -> None:
        """Add the prompt tokens of a prefill request; its answer is not used, so it does not count."""
        self.prompt_tokens += completion.n_prompt_tokens
        self.cached_tokens += completion.n_cached_tokens

    def snapshot(self) -> "Usage":
        """Return a copy that no longer changes."""
        return Usage(**{**vars(self), "failures": Counter(self.failures)})

    def since(self, before: "Usage") -> dict[str, Any]:
        """Return how much each counter has grown since the snapshot `before`, as JSON values.

        `in_flight` and `waiting` are left out, because they go up and down."""
        names = ("asked", "answered", "from_cache", "prompt_tokens", "completion_tokens", "cached_tokens")
        added = {name: getattr(self, name) - getattr(before, name) for name in names}
        return {**added, "failures": dict(sorted((self.failures - before.failures).items()))}
