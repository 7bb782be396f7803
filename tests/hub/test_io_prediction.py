"""The metric, loaded as a user loads it: from the package, and from a folder with only its two files."""

import shutil
from pathlib import Path

import pytest

import hub

HERE = Path(hub.__file__).parent
CODE = "def f(n):\n    return n % 7\n"
OUTPUT = {
    "direction": "output",
    "input": '{"n":10}',
    "output": "3",
    "reference_code": CODE,
    "entrypoint": "f",
}
INPUT = {**OUTPUT, "direction": "input"}


@pytest.fixture(params=["package", "dataset"])
def metric(request, tmp_path, monkeypatch):
    """Return the metric, loaded from the package or from a dataset's repository."""
    import evaluate  # takes a second, so only these tests import it

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = HERE
    if request.param == "dataset":
        folder = tmp_path / "snapshot"
        folder.mkdir()
        for name in ("io_prediction.py", "verifier.py"):
            shutil.copy(HERE / name, folder)
    return evaluate.load(str(folder / "io_prediction.py"))


def test_accuracy_by_direction_pass_at_k_and_statuses(metric):
    replies = [
        ['{"output": 3}', '{"output": 4}', "3", '{"output": 3.0}'],
        ['{"input": {"n": 17}}', '{"input": {"n": 18}}', '{"input": {"m": 17}}', '{"input": {"n": "x"}}'],
    ]
    result = metric.compute(predictions=replies, references=[OUTPUT, INPUT], k=[1, 2, 4, 5])
    assert result == {
        "accuracy": 3 / 8,
        "accuracy_output": 2 / 4,
        "accuracy_input": 1 / 4,
        "pass@1": pytest.approx((2 / 4 + 1 / 4) / 2),
        "pass@2": pytest.approx((1 - 1 / 6 + 1 - 3 / 6) / 2),
        "pass@4": 1.0,
        "pass@5": None,
        "statuses": {"correct": 3, "wrong": 2, "exception": 2, "no_answer": 1, "timeout": 0},
    }


def test_whole_rows_of_rlvr_are_references_too(metric):
    row = {**OUTPUT, "task_id": "t", "pass_rate": None, "n_samples": 1}
    references = [{name: row[name] for name in OUTPUT}]
    assert metric.compute(predictions=[['{"output": 3}']], references=references)["accuracy"] == 1.0


def test_without_a_direction_its_accuracy_is_none(metric):
    result = metric.compute(predictions=[['{"output": 3}']], references=[OUTPUT])
    assert (result["accuracy_input"], result["accuracy_output"]) == (None, 1.0)
