"""The `evaluate` metric `io_prediction`: the share of replies that predict an input or output correctly.

In: for each task its replies and its row of the config `rlvr`. Out: accuracy overall and by direction,
pass@k, and the number of replies with each status. The file ships in every published dataset beside
`verifier.py`, whose rules it applies. Load it by its path, there or in the package:
`evaluate.load("io_prediction.py")`.

Predicted inputs are run in codeio's sandbox, so they raise ImportError if codeio is not installed. Predicted
outputs need only the verifier.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from .verifier import STATUSES, Verdict, extract, verify

_COLUMNS = ("direction", "input", "output", "reference_code", "entrypoint")
_DESCRIPTION = "Accuracy of predicted outputs and inputs; an input is right if it gives the recorded output."
_CITATION = """\
@article{li2025codeio,
  title={CodeI/O: Condensing Reasoning Patterns via Code Input-Output Prediction},
  author={Li, Junlong and Guo, Daya and Yang, Dejian and Xu, Runxin and Wu, Yu and He, Junxian},
  journal={arXiv preprint arXiv:2502.07316},
  year={2025}
}"""
_INPUTS = """
Args:
    predictions: For each task, a list of replies: the whole texts, from which the answer is extracted.
    references: For each task, these columns of its row of `rlvr`: direction, input, output, reference_code,
        entrypoint.
    k: The numbers of tries for pass@k, (1,) by default.

Returns:
    accuracy: The share of correct replies; None if there are none.
    accuracy_input, accuracy_output: The same for the tasks of one direction.
    pass@k: For each k, the estimated share of tasks that are solved within k tries; None if a task has fewer
        than k replies.
    statuses: The number of replies with each status of the verifier.
"""


class IOPrediction(evaluate.Metric):
    """The metric; `compute` takes predictions, references and k, and returns a dict.

    Both arguments have one item per task. A prediction is a list of replies, a reference has the columns
    `direction`, `input`, `output`, `reference_code` and `entrypoint` of the task's row in `rlvr`. The result
    has shares between 0 and 1 and, under `statuses`, numbers of replies; `inputs_description` lists its keys.

    Raises:
        ImportError: If an input is predicted and codeio is not installed.
        SandboxUnavailable: If an input is predicted and no sandbox works on this machine.

    Example:
        >>> row = {"direction": "output", "input": '{"n":7}', "output": "14"}
        >>> row |= {"reference_code": "def double(n): return 2 * n", "entrypoint": "double"}
        >>> replies = ['Twice 7: {"output": 14}', 'Half of 7: {"output": 3.5}']
        >>> result = IOPrediction().compute(predictions=[replies], references=[row], k=[1, 2])
        >>> result["accuracy"], result["pass@1"], result["pass@2"]
        (0.5, 0.5, 1.0)
        >>> result["statuses"]
        {'correct': 1, 'wrong': 1, 'exception': 0, 'no_answer': 0, 'timeout': 0}
    """

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features(
                {"predictions": datasets.List(text), "references": dict.fromkeys(_COLUMNS, text)}
            ),
            reference_urls=["https://arxiv.org/abs/2502.07316"],
        )

    def _compute(
        self,
        predictions: Sequence[Sequence[str]],
        references: Sequence[dict[str, Any]],
        k: Sequence[int] = (1,),
    ) -> dict[str, Any]:
        rows = [row for row, replies in zip(references, predictions, strict=True) for _ in replies]
        replies = [reply for task in predictions for reply in task]
        found = iter(_verdicts(rows, replies))
        statuses = [[next(found).status for _ in task] for task in predictions]
        everything = Counter(status for task in statuses for status in task)
        right = [(task.count("correct"), len(task)) for task in statuses]
        return {
            "accuracy": _share(right),
            **{
                f"accuracy_{direction}": _share(
                    [one for one, row in zip(right, references, strict=True) if row["direction"] == direction]
                )
                for direction in ("input", "output")
            },
            **{f"pass@{tries}": _pass_at(tries, right) for tries in k},
            "statuses": {status: everything[status] for status in STATUSES},
        }


def _verdicts(rows: Sequence[dict[str, Any]], replies: Sequence[str]) -> list[Verdict]:
    """Return the verdict on each reply; run code only if an input is predicted."""
    predictions = [extract(reply, row["direction"]) for row, reply in zip(rows, replies, strict=True)]
    if any(
        row["direction"] == "input" and prediction for row, prediction in zip(rows, predictions, strict=True)
    ):
        # Imported here, because evaluate asks for every package that is imported at the top of the file.
        from builders.execution import Prover
        from builders.grading import graded

        with Prover() as prover:
            return [Verdict(*verdict) for verdict in graded(prover, rows, predictions)]
    return [
        verify(row["direction"], prediction, row["input"], row["output"])
        for row, prediction in zip(rows, predictions, strict=True)
    ]


def _share(right: Sequence[tuple[int, int]]) -> float | None:
    """Return the share of correct replies; None if there are no replies."""
    n_replies = sum(n for _, n in right)
    return sum(n for n, _ in right) / n_replies if n_replies else None


def _pass_at(tries: int, right: Sequence[tuple[int, int]]) -> float | None:
    """Return the unbiased estimate of pass@k (Chen et al. 2021, section 2.1).

    `right` has the numbers of correct replies and of replies for each task; None if a task has too few.
    """
    if not right or any(n < tries for _, n in right):
        return None
    missed = [math.comb(n - n_right, tries) / math.comb(n, tries) for n_right, n in right]
    return 1 - sum(missed) / len(missed)
