"""Verdicts do not depend on the batch, its order or the number of processes: predictions run separately."""

import itertools
import random
from collections.abc import Iterator

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher

from builders.execution import Limits, Prover
from builders.grading import MAX_INPUTS_PER_JOB
from builders.verdicts import Verdicts

LIMITS = Limits(cpu_s=0.1, wall_s=60, memory_mb=256)
# Each leaves something in a library module for the next predictions, or ends the process that they would use.
FUNCTIONS = {
    "square": "def f(x): return x * x",
    "flag": "import sys\ndef f(x):\n if x == 3: sys.a = 1\n return 9 if x == 4 and 'a' in dir(sys) else x*x",
    "count": "import sys\ndef f(x):\n sys.n = getattr(sys, 'n', 0) + 1\n return sys.n if x == 5 else x * x",
    "context": "from decimal import *\ndef f(x):\n getcontext().prec = 3\n return float(Decimal(x) / 3)",
    "patch": "import math\ndef f(x):\n y = math.floor(x * 1.0) ** 2\n math.floor = lambda x: 0\n return y",
    "dies": "import os\ndef f(x):\n if x == 2: os._exit(1)\n if x == 3:\n  while True: pass\n return x * x",
    "forges": "import os\ndef f(x):\n if x == 2: os.write(5, b'\\x02\\0\\0\\0{}' * 3)\n return x * x",
    "hangs": "while True: pass",
}


def conversations() -> list[dict]:
    """Return for each function inputs predicted for the output 9, and replies that are not such inputs."""
    answers = [f'{{"input": {{"x": {x}}}}}' for x in (1, 3, 2, 4, -3, 5, 3.0, 3, 6, 7, 8, 9, 10)]
    answers += ["none", '{"input": 3}', '{"input": {"y": 3}}', '{"input": {"x": "3"}}']
    return [
        {
            "task_id": f"{name}-{number}",
            "direction": "input",
            "reference_code": code,
            "entrypoint": "f",
            "input": '{"x":3}',
            "output": "9",
            "turns": [{"response": answer, "finish_reason": "stop", "status": None, "feedback": None}],
        }
        for name, code in FUNCTIONS.items()
        for number, answer in enumerate(answers if name != "hangs" else answers[:2])
    ]


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover(LIMITS, workers=2) as prover:
        yield prover


def judged(prover: Prover, rows: list[dict], batch_size: int) -> list[dict]:
    stage = Verdicts(LIMITS, prover)
    batches = (rows[first : first + batch_size] for first in range(0, len(rows), batch_size))
    results = itertools.chain.from_iterable(stage.rows(batch) for batch in batches)
    return sorted((dict(row) for row in results), key=lambda row: str(row["task_id"]))


@pytest.fixture(scope="module")
def alone(prover: Prover) -> list[dict]:
    """Return every conversation, judged in its own batch."""
    return judged(prover, conversations(), 1)


def test_each_prediction_is_judged_on_its_own(alone: list[dict]) -> None:
    square = [row["turns"][-1]["status"] for row in alone if row["task_id"].startswith("square-")]
    assert sorted(square) == sorted(["correct"] * 4 + ["wrong"] * 9 + ["no_answer"] + ["exception"] * 3)
    by_number = {row["task_id"]: row["turns"][-1] for row in alone}
    assert by_number["flag-1"]["status"] == "correct"
    assert by_number["flag-3"]["status"] == "wrong"  # 4 comes after 3 in the batch, not in its process
    assert by_number["count-5"]["status"] == "exception"  # different each time: not deterministic
    assert "same value each time" in by_number["count-5"]["feedback"]
    assert by_number["dies-2"]["status"] == "exception"
    assert by_number["dies-1"]["status"] == "timeout"
    assert by_number["dies-4"]["status"] == "correct"
    assert by_number["forges-2"]["status"] == "exception"
    assert by_number["forges-4"]["status"] == "correct"
    assert {row["turns"][-1]["status"] for row in alone if row["task_id"] == "hangs-1"} == {"timeout"}


@pytest.mark.parametrize("batch_size", [2, MAX_INPUTS_PER_JOB - 1, 50, 1000])
def test_the_batch_and_its_order_change_nothing(prover: Prover, alone: list[dict], batch_size: int) -> None:
    rows = conversations()
    random.Random(batch_size).shuffle(rows)
    assert Hasher.hash(judged(prover, rows, batch_size)) == Hasher.hash(alone)


@pytest.mark.parametrize("num_proc", [None, 2])
def test_a_map_with_any_number_of_processes_gives_the_same_fingerprint(
    alone: list[dict], num_proc: int | None
) -> None:
    rows = Dataset.from_list(conversations())
    with Prover(LIMITS) as prover:
        stage = Verdicts(LIMITS, prover)

        def judge(batch: dict[str, list]) -> dict[str, list]:
            table = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
            done = [dict(row) for row in stage.rows(table)]
            return {name: [row[name] for row in done] for name in done[0]}

        features = Dataset.from_list(alone).features
        mapped = rows.map(
            judge, batched=True, batch_size=17, num_proc=num_proc, features=features, keep_in_memory=True
        )
    assert Hasher.hash(sorted(mapped.to_list(), key=lambda row: row["task_id"])) == Hasher.hash(
        Dataset.from_list(alone).to_list()
    )
