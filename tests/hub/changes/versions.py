"""Versions with rows of every table, and counts of their changes, for the tests of a comparison."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from builders.schema import TABLES
from builders.tables.folder import Folder
from hub.changes.changelog import rendered
from hub.versions import Version

MADE_OF = {
    "raw_code": "file",
    "functions": "function",
    "io_pairs": "pair",
    "tasks": "task",
    "turns": "turn",
    "codeio": "sample",
    "codeio_pp": "sample",
    "rlvr": "task",
    "preference": "task",
}


def rows(file="f", function="u", pair="p", task="t", sample=0, turn=0, answer="", **more):
    """Return one row of each table, made of these things; the ids spell out what each is made of."""
    function = f"{file}.{function}"
    pair = f"{function}.{pair}"
    task = f"{pair}.{task}"
    own = {
        "raw_code": {"code_id": file, "content": f"# {file}", "source": "here", "path": f"{file}.py"},
        "functions": {"function_id": function, "code_id": file, "query": "What?", "license": "mit"},
        "io_pairs": {"pair_id": pair, "function_id": function, "input": "{}", "output": "1", "seed": 0},
        "tasks": {"task_id": task, "pair_id": pair, "function_id": function, "prompt": "Predict."},
        "turns": {
            "response_id": f"{task}.{sample}.{turn}{answer}",
            "task_id": task,
            "sample": sample,
            "turn": turn,
            "response": "It is 1.",
            "status": "wrong",
            "answer_forced": False,
        },
        "codeio": {"task_id": task, "sample": sample, "status": "wrong"},
        "codeio_pp": {"task_id": task, "sample": sample, "statuses": ["wrong"], "n_turns": 1},
        "rlvr": {"task_id": task, "input": "{}", "pass_rate": 0.5},
        "preference": {"task_id": task, "turn": 0},
    }
    return {config: {**row, **more.get(config, {})} for config, row in own.items()}


def dropped_row(stage, row_id, parent_id="", reason="odd"):
    return {"dropped": {"stage": stage, "row_id": row_id, "parent_id": parent_id, "drop_reason": reason}}


def write_version(path, *parts, without=(), test=(), provenance=None):
    """Write a version with these rows, each once; `test` names the tables whose rows are in split test."""
    (path / ".codeio").mkdir(parents=True)
    for config in TABLES:
        distinct = {json.dumps(part[config]): part[config] for part in parts if config in part}
        if distinct and config not in without:
            split = "test" if config in test else "train"
            (path / config).mkdir()
            some = pa.Table.from_pylist(list(distinct.values()), TABLES[config].features.arrow_schema)
            pq.write_table(some, path / config / f"{split}-00000-of-00001.parquet")
    return Version(path.name, Folder(path), provenance or {})


def groups(result, change):
    """Return the number of rows with this change, by table and reason."""
    return {
        config: {group.why: group.n_rows for group in table_changes.groups if group.change == change}
        for config, table_changes in result.tables.items()
        if table_changes.n(change)
    }


def counted(result, config):
    table_changes = result.tables[config]
    return {
        change: table_changes.n(change) for change in ("added", "removed", "regraded", "changed", "moved")
    }


def shown(result):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(rendered(result))
    return console.export_text()
