"""The real sglang server does what the stages rely on. The quality of its answers is not tested."""

import json
from typing import Any

import pytest

from builders.inference.transport import Broken, read_page
from tests.builders.inference.posting import posted
from tests.doubles.sglang_cpu import SglangServer

PREFIX = "You read Python functions and tell what they return for a given input. " * 20


def chat(server: SglangServer, question: str, **options: Any) -> dict[str, Any]:
    body = {
        "model": server.model,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": 8,
        "temperature": 0,
        **options,
    }
    (reply,) = posted(f"{server.url}/v1/chat/completions", body=json.dumps(body).encode(), timeout_s=300)
    assert reply.is_success, reply.body
    return dict(json.loads(reply.body))


def test_the_server_lists_the_model_by_its_name(sglang_server: SglangServer) -> None:
    assert read_page(f"{sglang_server.url}/health", {}, 60).status == 200
    models = json.loads(read_page(f"{sglang_server.url}/v1/models", {}, 60).body)["data"]
    assert [model["id"] for model in models] == [sglang_server.model]


def test_a_second_request_finds_the_shared_prefix_in_the_cache(sglang_server: SglangServer) -> None:
    first = chat(sglang_server, f"{PREFIX}\nInput: 1")
    second = chat(sglang_server, f"{PREFIX}\nInput: 22")

    assert first["choices"][0]["finish_reason"] in {"length", "stop"}
    assert 0 < first["usage"]["completion_tokens"] <= 8
    assert first["usage"]["prompt_tokens"] > 200
    n_cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert n_cached > 0.5 * second["usage"]["prompt_tokens"]


def test_an_answer_follows_a_json_schema(sglang_server: SglangServer) -> None:
    # Without bounds, a weak model writes digits until max_tokens.
    size = {"type": "integer", "minimum": 0, "maximum": 99}
    schema = {
        "type": "object",
        "properties": {
            "colour": {"enum": ["red", "green"]},
            "name": {"type": "string", "maxLength": 8},
            "sizes": {"type": "array", "items": size, "minItems": 2, "maxItems": 2},
        },
        "required": ["colour", "name", "sizes"],
        "additionalProperties": False,
    }
    answer = chat(
        sglang_server,
        "Tell me about the sea.",
        max_tokens=128,
        response_format={"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}},
    )

    assert answer["choices"][0]["finish_reason"] == "stop"
    thing = json.loads(answer["choices"][0]["message"]["content"])
    assert set(thing) == {"colour", "name", "sizes"}
    assert thing["colour"] in {"red", "green"}
    assert len(thing["name"]) <= 8
    assert len(thing["sizes"]) == 2
    assert all(isinstance(size, int) and 0 <= size <= 99 for size in thing["sizes"])


def test_a_killed_server_restarts_at_the_same_address(sglang_server: SglangServer) -> None:
    url, pid = sglang_server.url, sglang_server.pid
    sglang_server.kill()
    with pytest.raises(Broken, match="cannot be reached"):
        read_page(f"{url}/health", {}, 60)

    sglang_server.restart()

    assert sglang_server.url == url
    assert sglang_server.pid != pid
    assert chat(sglang_server, "Hello")["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
