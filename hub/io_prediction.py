"""The `evaluate` metric `io_prediction`: how many replies predict an input or output rightly.

In: for each task its replies and its row of the config `rlvr`. Out: accuracy in all and by direction, pass@k,
statuses. It ships in every published dataset beside `verifier.py`, whose rules it applies, and is loaded from
either place by its path: `evaluate.load("io_prediction.py")`.

Predicted inputs are run in codeio's sandbox; where codeio is not installed, they raise ImportError. Outputs
need nothing but the verifier.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from .verifier import STATUSES, Verdict, extract, verify

_COLUMNS = ("direction", "input", "output", "reference_code", "entrypoint")
_DESCRIPTION = (
    "Accuracy of predicted outputs and of predicted inputs, any pre-image of the output being right."
)
_CITATION = """\
@article{li2025codeio,
  title={CodeI/O: Condensing Reasoning Patterns via Code Input-Output Prediction},
  author={Li, Junlong and Guo, Daya and Yang, Dejian and Xu, Runxin and Wu, Yu and He, Junxian},
  journal={arXiv preprint arXiv:2502.07316},
  year={2025}
}"""
_INPUTS = """
predictions: for each task, a list of replies, all equally many where pass@k is asked for.
references: for each task, of its row of `rlvr`: direction, input, output, reference_code, entrypoint.
k: the numbers of tries for pass@k, at most the number of replies.
"""


class IOPrediction(evaluate.Metric):
    """The metric; see the module."""

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
    predictions = [extract(reply, row["direction"]) for row, reply in zip(rows, replies, strict=True)]
    if any(
        row["direction"] == "input" and prediction for row, prediction in zip(rows, predictions, strict=True)
    ):
        # Inside the function, so that evaluate does not ask for codeio where only outputs are judged.
        from builders.execution import Prover
        from builders.grading import graded

        with Prover() as prover:
            return [Verdict(*verdict) for verdict in graded(prover, rows, predictions)]
    return [
        verify(row["direction"], prediction, row["input"], row["output"])
        for row, prediction in zip(rows, predictions, strict=True)
    ]


def _share(right: Sequence[tuple[int, int]]) -> float | None:
    n_replies = sum(n for _, n in right)
    return sum(n for n, _ in right) / n_replies if n_replies else None


def _pass_at(tries: int, right: Sequence[tuple[int, int]]) -> float | None:
    """The unbiased estimate (Chen et al. 2021, section 2.1); None where a task has fewer replies."""
    if not right or any(n < tries for _, n in right):
        return None
    missed = [math.comb(n - n_right, tries) / math.comb(n, tries) for n_right, n in right]
    return 1 - sum(missed) / len(missed)
