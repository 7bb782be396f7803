"""Inference: find a server or run a model in this process, send many requests at once, keep every answer.

In: chat-completion bodies. Out: answers and permanent refusals, in order. Every error that is meant for the
user is an `InferenceError`. Not covered: prompts and the meaning of answers, which the stages handle.
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
