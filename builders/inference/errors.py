"""What can go wrong between codeio and a model: each message is a sentence that says what, and how to go on.

A bad answer to one request is data (a `Refusal`, or a row left open), never one of these.
Tested in tests/builders/inference/test_cache.py.
"""

from builders.errors import CodeioError


class InferenceError(CodeioError):
    """The model cannot be used; the message is meant for the user."""


class ServerDown(InferenceError):
    """Nothing answers at the address."""


class KeyRefused(InferenceError):
    """The server wants another API key."""


class NotCompatible(InferenceError):
    """Something answers at the address, but it does not speak the OpenAI protocol."""


class WrongModel(InferenceError):
    """The server serves another model than the one asked for, or several and none was named."""


class EngineMissing(InferenceError):
    """The package of the embedded engine is not installed."""


class EngineFailed(InferenceError):
    """The embedded engine could not load the weights."""


class WeightsMissing(InferenceError):
    """The weights are not here and cannot be had from any source."""


class CacheUnusable(InferenceError):
    """The request cache cannot be read or written: disk full, no permission, not a database."""


class Unanswered(InferenceError):
    """Some requests got no answer this time; all answers that came are in the request cache."""

    def __init__(self, n_open: int, reason: str, n_answered: int):
        super().__init__(n_open, reason, n_answered)  # as args, so that it crosses process borders whole
        self.n_open = n_open
        self.reason = reason
        self.n_answered = n_answered

    def __str__(self) -> str:
        return (
            f"{self.n_open} requests got no answer ({self.reason}); {self.n_answered} did and are kept: "
            "run the same command again to ask for the open ones only."
        )
