"""Asking a model: find a server or run one in this process, ask many things at once, keep every answer.

In: chat-completion bodies. Out: answers and lasting refusals, in order. Everything raised for the user is an
`InferenceError`. Not covered: prompts and what answers mean; that is the stages' part.
"""

from builders.inference.answers import Answer, Refusal
from builders.inference.asking.client import Client
from builders.inference.cache import RequestCache
from builders.inference.cache_files import export, merge
from builders.inference.errors import (
    CacheUnusable,
    EngineFailed,
    EngineMissing,
    InferenceError,
    KeyRefused,
    NotCompatible,
    ServerDown,
    Unanswered,
    WeightsMissing,
    WrongModel,
)
from builders.inference.servers.embedded import embedded
from builders.inference.servers.server import Server, connect
from builders.inference.servers.sglang import sglang
from builders.inference.usage import Usage

__all__ = [
    "Answer",
    "CacheUnusable",
    "Client",
    "EngineFailed",
    "EngineMissing",
    "InferenceError",
    "KeyRefused",
    "NotCompatible",
    "Refusal",
    "RequestCache",
    "Server",
    "ServerDown",
    "Unanswered",
    "Usage",
    "WeightsMissing",
    "WrongModel",
    "connect",
    "embedded",
    "export",
    "merge",
    "sglang",
]
