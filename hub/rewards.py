"""Rewards for reinforcement learning on the config `rlvr`: 1.0 for a right answer, 0.0 for any other.

In: replies of a policy, and the columns of the rows that they answer. Out: one reward for each reply, in
order. The rules are those by which the published turns were judged (`builders.verifier`). Predicted inputs
are run in the sandbox and nowhere else. If no sandbox works on the machine, SandboxUnavailable is raised:
with zeros instead, a policy would learn nothing, and nobody would notice.

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

REWARD_COLUMNS = ("direction", "input", "output", "reference_code", "entrypoint")
"""The columns of `rlvr` that decide a reward."""


def io_prediction_reward(
    prompts: Sequence[Any], completions: Sequence[Any], **columns: Sequence[Any]
) -> list[float]:
    """Return the rewards of a batch; the reward function for TRL's trainers.

    Args:
        prompts: The prompts, as TRL passes them. They are not read: the columns hold the check.
        completions: One reply for each row: a text, or a list of messages, of which the last assistant
            message with text counts.
        columns: The columns of `rlvr`, each with one value for each completion. Those in `REWARD_COLUMNS` are
            needed; any others, such as TRL's own arguments, are ignored.

    Returns:
        1.0 or 0.0 for each completion, in order.

    Raises:
        ValueError: If a column in `REWARD_COLUMNS` is missing, or a row has no text in one.
        SandboxUnavailable: If no sandbox works on this machine.

    Example:
        >>> columns = {
        ...     "direction": ["output", "output"],
        ...     "input": ['{"n":7}', '{"n":7}'],
        ...     "output": ["14", "14"],
        ...     "reference_code": ["def double(n):\\n    return 2 * n\\n"] * 2,
        ...     "entrypoint": ["double", "double"],
        ... }
        >>> io_prediction_reward(["?", "?"], ['Twice 7: {"output": 14}', "Fourteen."], **columns)
        [1.0, 0.0]
    """
    absent = [column for column in REWARD_COLUMNS if column not in columns]
    if absent:
        raise ValueError(f"io_prediction_reward needs the columns of rlvr; there is no {', '.join(absent)}")
    rows = [
        dict(zip(REWARD_COLUMNS, values, strict=True))
        for values in zip(*(columns[column] for column in REWARD_COLUMNS), strict=True)
    ]
    return _rewards(rows, [_reply(completion) for completion in completions])


def ground_truth(row: Mapping[str, Any]) -> str:
    """Return the ground truth of a row for verl: everything that decides its reward, as one text.

    Args:
        row: A row of `rlvr`.

    Returns:
        Canonical JSON with the columns in `REWARD_COLUMNS`, for verl's `reward_model.ground_truth`.

    Example:
        >>> row = {"direction": "output", "input": '{"n":7}', "output": "14", "pass_rate": 0.5}
        >>> row |= {"reference_code": "def double(n): return 2 * n", "entrypoint": "double"}
        >>> sorted(json.loads(ground_truth(row)))
        ['direction', 'entrypoint', 'input', 'output', 'reference_code']
    """
    return canonical({column: row[column] for column in REWARD_COLUMNS})


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **_: Any
) -> float:
    """Return the reward of one reply; the `custom_reward_function` for verl.

    Args:
        data_source: The name of the data set, as verl passes it; not read.
        solution_str: The reply of the policy; verl may pass None, which counts as empty.
        ground_truth: What the function `ground_truth` returned for the row.
        extra_info: What verl passes besides; not read.

    Returns:
        1.0 for a right answer, 0.0 for any other.

    Raises:
        ValueError: If the ground truth is not JSON, or lacks a column in `REWARD_COLUMNS`.
        SandboxUnavailable: If no sandbox works on this machine.

    Example:
        >>> row = {"direction": "output", "input": '{"n":7}', "output": "14"}
        >>> row |= {"reference_code": "def double(n): return 2 * n", "entrypoint": "double"}
        >>> compute_score("codeio", 'Twice 7 is 14. {"output": 14}', ground_truth(row))
        1.0
    """
    return _rewards([json.loads(ground_truth)], [solution_str or ""])[0]


def _rewards(rows: Sequence[dict[str, Any]], replies: Sequence[str]) -> list[float]:
    for row in rows:
        if empty := [column for column in REWARD_COLUMNS if not isinstance(row.get(column), str)]:
            raise ValueError(f"a row of rlvr has no {', '.join(empty)}: {str(row)[:300]}")
    predictions = [extract(reply, row["direction"]) for row, reply in zip(rows, replies, strict=True)]
    verdicts = graded(_prover(os.getpid()), rows, predictions)
    return [float(verdict.status == "correct") for verdict in verdicts]


@functools.lru_cache(maxsize=1)
def _prover(process: int) -> Prover:
    """Return the prover of this process; its workers start once, and end when the process ends."""
    prover = Prover(workers=len(os.sched_getaffinity(process)))
    atexit.register(prover.close)
    return prover


def _reply(completion: Any) -> str:
    """Return a completion's text: a string, or the policy's last message with text; "" if there is none."""
    if isinstance(completion, str):
        return completion
    messages = [message for message in completion or () if message and message.get("role") == "assistant"]
    return next(filter(None, (_content_text(message.get("content")) for message in reversed(messages))), "")


def _content_text(content: Any) -> str:
    """Return the text of a message; if its content comes in parts, their texts."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("text"))
    return content or ""
