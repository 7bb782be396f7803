"""Errors between codeio and a model: each message is a sentence that says what is wrong and what to do.

A bad answer to one request is data (a `Refusal`, or a row that stays unanswered), never one of these errors.
Tested in tests/builders/inference/test_cache.py.
"""

from builders.errors import CodeioError


class InferenceError(CodeioError):
    """An error that keeps the model from being used, with a message for the user; base of all errors here."""


class ServerDown(InferenceError):
    """An error: nothing answers at the address, the server there is not ready, or it is not an address."""


class KeyRefused(InferenceError):
    """An error: the server refuses the API key, or the key cannot be sent."""


class NotCompatible(InferenceError):
    """An error: what answers at the address does not speak the OpenAI protocol."""


class WrongModel(InferenceError):
    """An error: the server does not serve the named model, or serves several and none was named."""


class EngineMissing(InferenceError):
    """An error: the package of an engine, the embedded one or sglang, is not installed."""


class EngineFailed(InferenceError):
    """An error: the engine could not start or load the weights."""


class WeightsMissing(InferenceError):
    """An error: the weights are not on this machine and no source has them."""


class CacheUnusable(InferenceError):
    """An error: the request cache cannot be read or written (disk full, no permission, not a database)."""


class Unanswered(InferenceError):
    """An error: some requests got no answer this time; all answers that came are in the request cache.

    Attributes:
        n_open: The number of payloads without an outcome.
        reason: Why the last of them has none.
        n_answered: The number of payloads of the same call that have an outcome.

    Example:
        >>> print(Unanswered(3, "no server answers", 97))
        3 requests got no answer (no server answers); the outcomes of 97 others are kept: run the same command
        again to send only the unanswered ones.
    """

    def __init__(self, n_open: int, reason: str, n_answered: int):
        super().__init__(n_open, reason, n_answered)  # as `args`, so that pickling keeps all of them
        self.n_open = n_open
        self.reason = reason
        self.n_answered = n_answered

    def __str__(self) -> str:
        return (
            f"{self.n_open} requests got no answer ({self.reason}); the outcomes of {self.n_answered} others"
            " are kept: run the same command again to send only the unanswered ones."
        )
