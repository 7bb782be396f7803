"""Rewards, in a real sandbox; the rules themselves are tested with the verifier."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builders.execution import Limits, Prover, SandboxUnavailable
from hub import rewards
from hub.rewards import compute_score, ground_truth, io_prediction_reward

CODE = """
def f(n):
    if n < 0:
        while True:
            pass
    return n % 7
"""
OUTPUT = {
    "direction": "output",
    "input": '{"n":10}',
    "output": "3",
    "reference_code": CODE,
    "entrypoint": "f",
}
INPUT = {**OUTPUT, "direction": "input"}
ANSWERS = [
    (OUTPUT, 'Ten less seven. {"output": 3}', 1.0),
    (OUTPUT, 'Ten less six. {"output": 4}', 0.0),
    (OUTPUT, "Three.", 0.0),
    (INPUT, '{"input": {"n": 10}}', 1.0),
    (INPUT, 'Any that leaves 3: {"input": {"n": 17}}', 1.0),
    (INPUT, '{"input": {"n": 18}}', 0.0),
    (INPUT, '{"input": {"m": 10}}', 0.0),
    (INPUT, '{"input": 10}', 0.0),
]


ALONE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from hub.rewards import compute_score, ground_truth
print([compute_score("codeio", reply, ground_truth(row)) for row, reply, _ in json.loads(sys.argv[2])])
"""


def columns(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.mark.parametrize("form", [lambda text: text, lambda text: [{"role": "assistant", "content": text}]])
def test_answers_are_rewarded_by_the_verifiers_rules(form):
    rows, replies, expected = zip(*ANSWERS, strict=True)
    prompts = ["?"] * len(rows)
    result = io_prediction_reward(
        prompts, list(map(form, replies)), **columns(rows), trainer_state=None, pass_rate=[None] * len(rows)
    )
    assert result == list(expected)


def test_a_completion_with_tools_is_graded_by_its_last_assistant_message():
    said = [
        {"role": "assistant", "content": '{"output": 4}'},
        {"role": "tool", "content": "7"},
        {"role": "assistant", "content": '{"output": 3}'},
        {"role": "assistant", "content": None},
    ]
    assert io_prediction_reward(["?"], [said], **columns([OUTPUT])) == [1.0]


def test_an_input_that_never_ends_earns_nothing(monkeypatch):
    with Prover(Limits(cpu_s=0.1)) as prover:
        monkeypatch.setattr(rewards, "_prover", lambda process: prover)
        replies = ['{"input": {"n": -1}}', '{"input": {"n": 3}}']
        assert io_prediction_reward(["?"] * 2, replies, **columns([INPUT] * 2)) == [0.0, 1.0]


def test_a_row_without_its_check_is_refused():
    partial = {name: values for name, values in columns([OUTPUT]).items() if name != "reference_code"}
    with pytest.raises(ValueError, match="no reference_code"):
        io_prediction_reward(["?"], ["3"], **partial)
    empty = {
        name: [None] if name == "reference_code" else values for name, values in columns([OUTPUT]).items()
    }
    with pytest.raises(ValueError, match="no reference_code: "):
        io_prediction_reward(["?"], ["3"], **empty)


@pytest.mark.parametrize(("row", "reply", "reward"), ANSWERS[:5])
def test_verl_gets_the_same_rewards(row, reply, reward):
    truth = ground_truth({**row, "task_id": "t", "pass_rate": None})
    assert set(json.loads(truth)) == set(row)
    assert compute_score("codeio", reply, truth, extra_info={"index": 0}) == reward


def test_without_a_sandbox_there_is_no_reward(monkeypatch):
    def refuse(process):
        raise SandboxUnavailable("nothing holds here")

    monkeypatch.setattr(rewards, "_prover", refuse)
    with pytest.raises(SandboxUnavailable):
        io_prediction_reward(["?"], ['{"input": {"n": 3}}'], **columns([INPUT]))


@pytest.mark.parametrize(
    ("completion", "reward"),
    [
        (None, 0.0),
        ("", 0.0),
        ([], 0.0),
        ([None], 0.0),
        ([{"role": "assistant", "content": None, "tool_calls": [{"type": "function"}]}], 0.0),
        ([{"role": "assistant", "content": [{"type": "image", "image": "x"}]}], 0.0),
        ([{"role": "user", "content": '{"output": 3}'}], 0.0),
        ([{"role": "assistant", "content": '{"output": 3}'}, {"role": "user", "content": "{}"}], 1.0),
        (
            [
                {"role": "assistant", "content": '{"output": 4}'},
                {
                    "role": "assistant",
                    "content": [{"type": "text", "text": '{"output": 3}'}, {"type": "image"}],
                },
                {"role": "assistant", "content": []},
            ],
            1.0,
        ),
    ],
)
def test_odd_completions_are_graded_by_the_text_they_have(completion, reward):
    assert io_prediction_reward(["?"], [completion], **columns([OUTPUT])) == [reward]


def test_verl_may_pass_none_as_a_reply():
    assert compute_score("codeio", None, ground_truth(OUTPUT)) == 0.0


def test_rewards_need_only_the_standard_library():
    """A trainer's environment pins its own versions: datasets, pycurl and httpx may be missing."""
    sources = str(Path(rewards.__file__).parents[1])
    alone = [sys.executable, "-I", "-S", "-c", ALONE, sources, json.dumps(ANSWERS)]
    result = subprocess.run(alone, capture_output=True, text=True)
    assert result.stdout == f"{[reward for *_, reward in ANSWERS]}\n", result.stderr
