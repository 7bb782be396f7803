"""The tables of a dataset, each declared once, and how they refer to each other.

Every table is a Hub config of the same name. Inputs, outputs, predictions, schemas and sampling settings are
strings of canonical JSON (`builders.verifier.canonical`), never nested features, so that a float, a large
integer or a string of digits is read back exactly.
Tested in tests/stories/test_a_new_table.py.
"""

from dataclasses import replace
from typing import Any

from builders.schema.declaration import Column, Table, Thing, Type

MESSAGES: Type = [{"role": "string", "content": "string"}]

_SHARED = {
    "code_id": Column("string", "the source file"),
    "function_id": Column("string", "the function", required=True),
    "pair_id": Column("string", "the proven pair", required=True),
    "task_id": Column("string", "the task", required=True),
    "sample": Column("int64", "which of the answers drawn for the task, from 0", required=True),
    "turn": Column("int64", "0 for the first answer, 1 for the first revision, and so on", required=True),
    "direction": Column("string", "what is to be predicted: `output` or `input`"),
    "license": Column("string", "SPDX licence of the source file; null if unknown"),
    "source": Column("string", "where the file comes from: a dataset or a folder"),
    "reference_code": Column("string", "the function's code, with all that it needs"),
    "entrypoint": Column("string", "name of the function to call"),
    "input": Column("string", "arguments by name, canonical JSON"),
    "output": Column("string", "what the code returns, canonical JSON"),
    "model": Column("string", "the model that wrote it, with its revision or the hash of its weights"),
    "prompt_id": Column("string", "hash of the prompt's text; see `prompts/`"),
    "messages": Column(MESSAGES, "the conversation; feedback is in user messages", repeats="turns"),
    "status": Column("string", "`correct`, `wrong`, `exception`, `no_answer` or `timeout`"),
    "answer_forced": Column(
        "bool", "the reply had no answer, so bare JSON was asked for, constrained to the schema"
    ),
}
"""Columns with the same meaning in several tables."""


def _shared(*names: str, **more: Any) -> dict[str, Column]:
    return {name: replace(_SHARED[name], **more) for name in names}


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            name="raw_code",
            row="a code file",
            columns={
                **_shared("code_id"),
                "content": Column(
                    "string",
                    "the file's text; credentials and e-mail addresses masked",
                    required=True,
                    searched=True,
                ),
                "parses": Column("bool", "whether it is Python 3"),
                "language": Column("string", "the programming language"),
                **_shared("source"),
                "path": Column("string", "the file's path in its source", searched=True),
                "revision": Column("string", "revision of the source"),
                **_shared("license"),
            },
            key=("code_id",),
            kind="raw_code",
            hashed=("content",),
            made_by=("raw_code",),
            things=(Thing("file", ("code_id",), "raw_code", "file"),),
        ),
        Table(
            name="functions",
            row="a function made of one",
            columns={
                **_shared("function_id", "code_id"),
                "query": Column(
                    "string", "the question that the function answers", required=True, searched=True
                ),
                "io_description": Column("string", "inputs and outputs in words", searched=True),
                **_shared("reference_code", required=True, searched=True),
                **_shared("entrypoint", required=True),
                "input_generator": Column("string", "code that draws inputs", searched=True),
                "input_schema": Column("string", "JSON Schema of the arguments"),
                "output_schema": Column("string", "JSON Schema of what is returned"),
                **_shared("license", "model", "prompt_id"),
            },
            key=("function_id",),
            kind="function",
            hashed=("reference_code", "entrypoint", "input_generator", "query"),
            made_by=("functions",),
            things=(Thing("function", ("function_id",), "functions", "function"),),
        ),
        Table(
            name="io_pairs",
            row="a proven input and output of a function",
            columns={
                **_shared("pair_id", "function_id"),
                **_shared("input", "output", required=True, is_json=True),
                "seed": Column("int64", "seed of the draw"),
                "draw": Column(
                    "int64", "number of the draw with that seed; null for inputs that were not drawn"
                ),
            },
            key=("pair_id",),
            kind="io_pair",
            hashed=("function_id", "input", "output"),
            made_by=("io_pairs",),
            things=(Thing("pair", ("pair_id",), "io_pairs", "pair"),),
        ),
        Table(
            name="tasks",
            row="a question about a pair",
            columns={
                **_shared("task_id", "pair_id", "function_id"),
                **_shared("direction", required=True),
                "prompt": Column(
                    "string", "the user message that was sent", required=True, repeats="functions"
                ),
            },
            key=("task_id",),
            kind="task",
            hashed=("pair_id", "direction", "prompt"),
            made_by=("tasks",),
            things=(Thing("task", ("task_id",), "tasks", "question"),),
        ),
        Table(
            name="turns",
            row="an answer with its verdict",
            columns={
                "response_id": Column("string", "the answer"),
                **_shared("task_id", "sample", "turn"),
                "response": Column("string", "the reply, unchanged", required=True, searched=True),
                "reasoning": Column(
                    "string", "a reasoning model's thoughts, separate from its reply", searched=True
                ),
                "prediction": Column(
                    "string", "the answer found in the reply, canonical JSON; null if there is none"
                ),
                **_shared("status", required=True),
                "feedback": Column("string", "what the verifier says about it"),
                **_shared("answer_forced"),
                "finish_reason": Column(
                    "string", "why the reply ended: `stop`, or `length` if it was cut off"
                ),
                **_shared("model"),
                "sampling": Column("string", "temperature, top_p, tokens and seed, JSON", is_json=True),
                **_shared("prompt_id"),
                "n_prompt_tokens": Column("int64", "tokens sent"),
                "n_completion_tokens": Column(
                    "int64",
                    "tokens of the reply; null if the server reported only a total for several replies",
                ),
            },
            key=("response_id",),
            kind="response",
            hashed=("request", "model", "sample"),
            made_by=("responses", "verdicts", "revisions", "turns"),
            things=(
                Thing("sample", ("task_id", "sample"), "responses", "sample"),
                Thing("turn", ("task_id", "sample", "turn"), "revisions", "turn"),
            ),
            grade="status",
        ),
        Table(
            name="codeio",
            row="a first answer, to train on",
            columns=_shared(
                *("task_id", "sample", "direction", "messages", "status", "answer_forced"),
                *("license", "source"),
            ),
            key=("task_id", "sample"),
            made_by=("codeio",),
            grade="status",
        ),
        Table(
            name="codeio_pp",
            row="a whole conversation with its feedback, to train on (CodeI/O++)",
            columns={
                **_shared("task_id", "sample", "direction", "messages"),
                "n_turns": Column("int64", "answers in the conversation"),
                "statuses": Column(["string"], "status of each answer"),
                "answers_forced": Column(
                    ["bool"], "for each answer, whether it had to be asked for as bare JSON"
                ),
                **_shared("license", "source"),
                "prompt": Column("string", "the first user message"),
                "turn_1": Column("string", "the first answer (turn 0)"),
                "feedback_1": Column("string", "the feedback on it"),
                "turn_2": Column("string", "the second answer; null without one"),
                "feedback_2": Column("string", "the feedback on it"),
            },
            key=("task_id", "sample"),
            made_by=("codeio_pp",),
            grade="statuses",
        ),
        Table(
            name="rlvr",
            row="a question with all that checks an answer",
            columns={
                **_shared("task_id"),
                "prompt": Column(MESSAGES, "the messages to answer"),
                **_shared("direction"),
                **_shared("reference_code", repeats="functions"),
                **_shared("entrypoint", "input", "output"),
                "pass_rate": Column(
                    "float64",
                    "share of the `n_samples` first answers that were correct; null if there was only one",
                ),
                "n_samples": Column("int64", "number of first answers"),
                "pass_rate_model": Column("string", "the model that has this pass rate"),
            },
            key=("task_id",),
            made_by=("rlvr",),
        ),
        Table(
            name="preference",
            row="a right and a wrong answer to the same messages",
            columns={
                **_shared("task_id", "turn"),
                "prompt": Column(MESSAGES, "the messages that both answer"),
                "chosen": Column(MESSAGES, "a correct answer", repeats="turns"),
                "rejected": Column(
                    MESSAGES, "an incorrect answer, from another sample of the same turn", repeats="turns"
                ),
            },
            key=("task_id", "turn"),
            made_by=("preference",),
        ),
        Table(
            name="dropped",
            row="what a stage could not use, and why",
            columns={
                "stage": Column("string", "the stage that could not use the row"),
                "row_id": Column("string", "the row"),
                "parent_id": Column("string", "the row that it was made of"),
                "drop_reason": Column("string", "why, as a short code"),
                "drop_detail": Column("string", "why, in words", searched=True),
                "content": Column("string", "the row or the reply itself, 16 kB at most", searched=True),
            },
            key=("stage", "row_id", "parent_id"),
            made_by=(),
            grade="drop_reason",
            is_unique=False,
        ),
    )
}
"""The tables by name, in the order of the pipeline."""

REFERENCE_COLUMNS = ("prompt", "turn_1", "feedback_1", "turn_2", "feedback_2")
"""The columns of `codeio_pp` that are also in the authors' release; they repeat the messages."""

CONVERSATIONS = Table(
    name="conversations",
    row="an answer to a task, with its revisions: what stages 5 to 7 pass on",
    columns={
        **TABLES["tasks"].columns,
        **_shared("sample"),
        "turns": Column(
            [
                {
                    name: kind
                    for name, kind in TABLES["turns"].types.items()
                    if name not in ("task_id", "sample")
                }
            ],
            "the turns so far",
        ),
    },
    key=("task_id", "sample"),
    made_by=("responses", "verdicts", "revisions"),
)
"""A table that stages pass on but no dataset has; `turns` has its contents, one row for each turn."""


def stages() -> list[str]:
    """Return the names of the stages that make or drop rows, in the order of the pipeline."""
    return [stage for table in TABLES.values() for stage in table.made_by]


def parents(table: Table) -> list[Table]:
    """Return the tables to which rows of this one refer by id."""
    return [other for other in TABLES.values() if other is not table and other.id_column in table.columns]


def is_parent(table: Table) -> bool:
    """Return whether rows of another table refer to this one by id."""
    return any(table in parents(other) for other in TABLES.values())


def ancestors(table: Table) -> list[Table]:
    """Return the tables that a row of this one needs, directly or through others, the nearest first."""
    needed = [parent for parent in parents(table) if parent.id_column in table.required]
    names = {other.name for parent in needed for other in (parent, *ancestors(parent))}
    return [TABLES[name] for name in reversed(TABLES) if name in names]
