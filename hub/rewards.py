"""Rewards for reinforcement learning on the config `rlvr`: 1.0 for a right answer, 0.0 for any other.

In: replies of a policy, and the columns of the rows they answer. Out: a reward for each reply, in order. The
rules are those by which the published turns were judged (`builders.verifier`); predicted inputs are run, in
the sandbox and nowhere else. Where no sandbox holds, SandboxUnavailable is raised: rewards that are zero for
want of one would teach nothing, unnoticed.

Not covered: rewards for form or length, and partial credit.
"""

import atexit
import functools
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from builders.execution import Prover
from builders.grading import graded
from builders.verifier import canonical, extract

CHECKED_BY = ("direction", "input", "output", "reference_code", "entrypoint")
"""The columns of `rlvr` that decide a reward."""


def io_prediction_reward(
    prompts: Sequence[Any], completions: Sequence[Any], **columns: Sequence[Any]
) -> list[float]:
    """For TRL's trainers: `completions` are texts or lists of messages, `columns` those of `rlvr`.

    Raises ValueError where a column is absent that decides the reward.
    """
    absent = [column for column in CHECKED_BY if column not in columns]
    if absent:
        raise ValueError(f"io_prediction_reward needs the columns of rlvr; there is no {', '.join(absent)}")
    rows = [
        dict(zip(CHECKED_BY, values, strict=True))
        for values in zip(*(columns[column] for column in CHECKED_BY), strict=True)
    ]
    return _rewards(rows, [_reply(completion) for completion in completions])


def ground_truth(row: Mapping[str, Any]) -> str:
    """What verl's `reward_model.ground_truth` holds for a row of `rlvr`: all that decides its reward."""
    return canonical({column: row[column] for column in CHECKED_BY})


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **_: Any
) -> float:
    """For verl (`custom_reward_function`): the reward of one reply; `ground_truth` as from the function."""
    return _rewards([json.loads(ground_truth)], [solution_str or ""])[0]


def _rewards(rows: Sequence[dict[str, Any]], replies: Sequence[str]) -> list[float]:
    for row in rows:
        if empty := [column for column in CHECKED_BY if not isinstance(row.get(column), str)]:
            raise ValueError(f"a row of rlvr has no {', '.join(empty)}: {str(row)[:300]}")
    predictions = [extract(reply, row["direction"]) for row, reply in zip(rows, replies, strict=True)]
    verdicts = graded(_prover(os.getpid()), rows, predictions)
    return [float(verdict.status == "correct") for verdict in verdicts]


@functools.lru_cache(maxsize=1)
def _prover(process: int) -> Prover:
    """One for each process: its workers start once, and end with it."""
    prover = Prover(workers=len(os.sched_getaffinity(process)))
    atexit.register(prover.close)
    return prover


def _reply(completion: Any) -> str:
    """The words of a completion: a string, or the policy's last that are any; empty without."""
    if isinstance(completion, str):
        return completion
    own = [message for message in completion or () if message and message.get("role") == "assistant"]
    return next(filter(None, (_words(message.get("content")) for message in reversed(own))), "")


def _words(content: Any) -> str:
    """What a message says; of content in parts, its texts."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("text"))
    return content or ""
