"""The data contract: columns of every table, and how rows get their ids.

Every table is a Hub config of the same name. Inputs, outputs, predictions, schemas and sampling settings are
strings of canonical JSON (`builders.verifier.canonical`), never nested features, so that a float, a large
integer or a string of digits comes back exactly as it went in.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from datasets import Dataset, Features, List, Value

from builders.verifier import canonical

STRING, INTEGER, BOOLEAN = Value("string"), Value("int64"), Value("bool")


def _strings(*columns: str) -> dict[str, Value]:
    return dict.fromkeys(columns, STRING)


MESSAGES = List(_strings("role", "content"))

RAW_CODE = Features(
    {
        **_strings("code_id", "content"),
        "parses": BOOLEAN,
        **_strings("language", "source", "path", "revision", "license"),
    }
)
FUNCTIONS = Features(
    _strings(
        *("function_id", "code_id", "query", "io_description", "reference_code", "entrypoint"),
        *("input_generator", "input_schema", "output_schema", "license", "model", "prompt_id"),
    )
)
IO_PAIRS = Features(
    {**_strings("pair_id", "function_id", "input", "output"), "seed": INTEGER, "draw": INTEGER}
)
TASKS = Features(_strings("task_id", "pair_id", "function_id", "direction", "prompt"))

TURN = {
    "response_id": STRING,
    "turn": INTEGER,
    **_strings("response", "reasoning", "prediction", "status", "feedback"),
    "answer_forced": BOOLEAN,  # the reply held no answer: it was asked for bare JSON, held to the schema
    **_strings("finish_reason", "model", "sampling", "prompt_id"),
    "n_prompt_tokens": INTEGER,
    "n_completion_tokens": INTEGER,
}
# Stages 5 to 7 pass one row for each task and sample; `turns` is their list laid out, a row a turn.
CONVERSATIONS = Features({**TASKS, "sample": INTEGER, "turns": List(TURN)})
TURNS = Features({"response_id": STRING, "task_id": STRING, "sample": INTEGER, **TURN})

CODEIO = Features(
    {
        "task_id": STRING,
        "sample": INTEGER,
        "direction": STRING,
        "messages": MESSAGES,
        "status": STRING,
        "answer_forced": BOOLEAN,
        **_strings("license", "source"),
    }
)
CODEIO_PP = Features(
    {
        "task_id": STRING,
        "sample": INTEGER,
        "direction": STRING,
        "messages": MESSAGES,
        "n_turns": INTEGER,
        "statuses": List(STRING),
        "answers_forced": List(BOOLEAN),
        **_strings("license", "source", "prompt", "turn_1", "feedback_1", "turn_2", "feedback_2"),
    }
)
RLVR = Features(
    {
        "task_id": STRING,
        "prompt": MESSAGES,
        **_strings("direction", "reference_code", "entrypoint", "input", "output"),
        "pass_rate": Value("float64"),
        "n_samples": INTEGER,
        "pass_rate_model": STRING,
    }
)
PREFERENCE = Features(
    {"task_id": STRING, "turn": INTEGER, "prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES}
)
DROPPED = Features(_strings("stage", "row_id", "parent_id", "drop_reason", "drop_detail", "content"))

TABLES: dict[str, Features] = {
    "raw_code": RAW_CODE,
    "functions": FUNCTIONS,
    "io_pairs": IO_PAIRS,
    "tasks": TASKS,
    "turns": TURNS,
    "codeio": CODEIO,
    "codeio_pp": CODEIO_PP,
    "rlvr": RLVR,
    "preference": PREFERENCE,
    "dropped": DROPPED,
}
IDS = {"raw_code": "code_id", "functions": "function_id", "io_pairs": "pair_id", "tasks": "task_id"}
"""The column that names a table's rows, and by which later tables name them."""


def table(rows: Sequence[dict[str, Any]], features: Features) -> Dataset:
    """Rows as a table in memory; unlike `Dataset.from_list` it keeps its columns when there are none."""
    return Dataset.from_dict(
        {column: [row.get(column) for row in rows] for column in features}, features=features
    )


def content_id(kind: str, *fields: object) -> str:
    """16 hex digits that stand for these fields (JSON values), the same on every machine."""
    return hashlib.sha256(canonical([kind, *fields]).encode()).hexdigest()[:16]
