"""Stage 2 with real replies of Qwen2.5-Coder-1.5B-Instruct, replayed by a server over HTTP."""

import json
import pickle
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import prompts
from builders.execution import Draw, Job, Limits, Sandbox
from builders.functions.stage import FUNCTION_TEMPERATURE, GENERATOR_TEMPERATURES, Functions
from builders.inference import Client, RequestCache, connect
from builders.options import FunctionsOptions
from builders.schema import TABLES, content_id
from builders.stage import Drop
from tests import ROOT
from tests.doubles.chat_server import ChatServer

CORPUS = ROOT / "builders" / "corpus"
RECORDED = json.loads((Path(__file__).parent / "replies" / "functions.json").read_text(encoding="utf-8"))
"""By corpus file: a phrase that is in all its requests, the result, and the replies in their order."""
KINDS = ("unify", "generate", "describe")


class Model(ChatServer):
    """A server that answers requests about the recorded files as the model did at that temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.reply = self.replay

    def replay(self, body):
        kind, question = kind_of(body), body["messages"][-1]["content"]
        for record in RECORDED.values():
            if record["phrase"] not in question:
                continue
            for reply in record["replies"]:
                if (reply["kind"], reply["temperature"]) == (kind, body["temperature"]):
                    return reply["text"], reply["finish_reason"]
        return "I do not know this file.", "stop"


def kind_of(body):
    return next(kind for kind in KINDS if body["messages"][0]["content"] == prompts.load(kind).render())


@pytest.fixture(scope="module")
def model():
    with Model() as model:
        yield model


@pytest.fixture
def client(model, tmp_path):
    return Client(connect(model.address), RequestCache(tmp_path / "requests.sqlite"))


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(Limits(cpu_s=2, wall_s=10)) as sandbox:
        yield sandbox


@pytest.fixture
def stage(client, sandbox):
    return Functions(FunctionsOptions(), client, sandbox)


def raw_row(name):
    content = (CORPUS / name).read_text(encoding="utf-8")
    return {"code_id": content_id("raw_code", content), "content": content, "path": name, "license": "mit"}


def rows_by_name(stage, *names):
    return dict(zip(names, stage.rows([raw_row(name) for name in names]), strict=True))


def test_every_file_is_a_function_or_a_dropped_row(stage):
    for name, row in rows_by_name(stage, *RECORDED).items():
        if RECORDED[name]["ends"] == "ok":
            assert not isinstance(row, Drop), (name, row)
            assert set(row) == set(TABLES["functions"].columns)
            assert row["code_id"] == raw_row(name)["code_id"]
        else:
            assert isinstance(row, Drop)
            assert row.reason == RECORDED[name]["ends"]
            assert row.row_id == raw_row(name)["code_id"]
            assert row.detail
            assert row.content


def test_functions_run_and_their_values_hold_the_schemas(stage, sandbox):
    for row in rows_by_name(stage, *RECORDED).values():
        if isinstance(row, Drop):
            continue
        code = row["reference_code"]
        drawn = sandbox.draw(Draw(code=code, generator=row["input_generator"], seed=5, count=5))
        inputs = [run.output for run in drawn if run.output]
        assert inputs
        results = sandbox.run(Job(code=code, entrypoint=row["entrypoint"], inputs=inputs))
        assert any(run.status == "ok" for run in results)
        validator = Draft202012Validator(json.loads(row["input_schema"]))
        assert all(set(json.loads(text)) <= set(validator.schema["properties"]) for text in inputs)
        for name in validator.schema["properties"]:
            assert f"`{name}`" in row["io_description"]


def test_nothing_is_asked_that_is_not_needed(stage, model):
    model.bodies.clear()
    rows_by_name(stage, *RECORDED)
    asked = [(kind_of(body), body["temperature"]) for body in model.bodies]
    recorded = [
        (reply["kind"], reply["temperature"]) for record in RECORDED.values() for reply in record["replies"]
    ]
    assert sorted(asked) == sorted(recorded)


def test_the_function_of_the_file_takes_the_place_of_a_bad_one(stage, model):
    model.bodies.clear()
    (row,) = rows_by_name(stage, "everyday/payroll.py").values()
    assert "return weekly_pay(shifts)" in row["reference_code"]
    assert "return plain_value(" in row["reference_code"]  # it returns a Decimal
    for body in model.bodies:
        assert "plain_value" not in body["messages"][-1]["content"]
    generate = next(body for body in model.bodies if kind_of(body) == "generate")
    assert "return weekly_pay(shifts)" in generate["messages"][-1]["content"]
    assert "with the keys `shifts`." in generate["messages"][-1]["content"]


def test_what_went_wrong_with_a_generator_is_told(stage, model):
    model.bodies.clear()
    (row,) = rows_by_name(stage, "scientific/molar_mass.py").values()
    assert not isinstance(row, Drop)
    generate = next(body for body in model.bodies if kind_of(body) == "generate")
    assert "An earlier generator was of no use: input_generator" in generate["messages"][-1]["content"]


def test_a_row_comes_out_the_same_alone_and_a_second_time_without_asking(stage, model):
    together = rows_by_name(stage, *RECORDED)
    n_asked = len(model.bodies)
    for name in RECORDED:
        assert rows_by_name(stage, name)[name] == together[name]
    assert len(model.bodies) == n_asked


def test_a_lasting_refusal_drops_the_row(stage, model):
    model.always = "too_long"
    try:
        (row,) = rows_by_name(stage, next(iter(RECORDED))).values()
    finally:
        model.always = None
    assert isinstance(row, Drop)
    assert row.reason == "context_too_long"


def test_replies_without_code_are_dropped_with_the_reply(stage):
    (row,) = stage.rows([{"code_id": "c", "content": "x = 1\n", "path": "x.py", "license": None}])
    assert isinstance(row, Drop)
    assert (row.reason, row.content) == ("no_code", "I do not know this file.")


def test_identity_names_all_that_decides_and_no_address(stage, client, sandbox, model):
    identity = json.dumps(stage.identity())
    assert model.address not in identity
    assert stage.identity()["temperatures"][:2] == [FUNCTION_TEMPERATURE, GENERATOR_TEMPERATURES]
    written = {file.stem for file in Path(prompts.__file__).parent.glob("*.md")}
    assert set(stage.identity()["prompts"]) == {name for name in written if name.startswith(KINDS)}
    for other in (
        Functions(FunctionsOptions(seed=1), client, sandbox),
        Functions(FunctionsOptions(cpu_s=0.5), client, sandbox),
        Functions(FunctionsOptions(memory_mb=100), client, sandbox),
    ):
        assert other.full_identity() != stage.full_identity()
    assert pickle.loads(pickle.dumps(stage)).full_identity() == stage.full_identity()
