"""The numbers of the card, counted from the tables.

In: a folder. Out: what `builders.tables.counts` returns, and sizes, tokens, licences, sources, and kinds of
output. All numbers come from the tables, so anybody who has the tables can count again.
Tested in tests/hub/card/test_card.py.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from builders.schema import TABLES
from builders.tables.counts import folder_counts, value_counts
from builders.tables.folder import Folder

KINDS = {"{": "object", "[": "array", '"': "string", "t": "truth value", "f": "truth value", "n": "null"}
"""The kind of a JSON value by its first character; all others are numbers."""
MOST_SOURCES = 20


def numbers(folder: Folder) -> dict[str, Any]:
    """Return all numbers by name."""
    counts = folder_counts(folder)
    return {
        **counts,
        "bytes": {
            config: sum(file.stat().st_size for file in folder.files(config)) for config in counts["rows"]
        },
        "tokens": _tokens(folder),
        "licences": licences(folder),
        "sources": _sources(folder),
        "outputs": _outputs(folder),
        "turns": _turns(folder),
        "most_tasks": _most_tasks(folder),
        "made_by": [model for model, _ in value_counts(folder.columns("functions", "model")) if model],
        "prompts": _prompts(folder),
        "sampling": [
            sampling for sampling, _ in value_counts(folder.columns("turns", "sampling")) if sampling
        ],
    }


def _tokens(folder: Folder) -> list[dict[str, Any]]:
    """Return the answers, and the tokens sent and written, by model."""
    table = folder.columns("turns", "model", "n_prompt_tokens", "n_completion_tokens")
    sums = table.group_by("model").aggregate(
        [([], "count_all"), ("n_prompt_tokens", "sum"), ("n_completion_tokens", "sum")]
    )
    return sorted(
        (
            {
                "model": row["model"],
                "answers": row["count_all"],
                "sent": row["n_prompt_tokens_sum"] or 0,
                "written": row["n_completion_tokens_sum"] or 0,
            }
            for row in sums.to_pylist()
        ),
        key=lambda row: str(row["model"]),
    )


def licences(folder: Folder) -> list[dict[str, Any]]:
    """Return how many files and functions are under each licence; None stands for an unknown one."""
    rows: dict[str | None, dict[str, Any]] = {}
    for config in ("raw_code", "functions"):
        for name, n in value_counts(folder.columns(config, "license")):
            rows.setdefault(name, {"license": name, "raw_code": 0, "functions": 0})[config] = n
    return sorted(rows.values(), key=lambda row: (-row["raw_code"], -row["functions"], str(row["license"])))


def _sources(folder: Folder) -> dict[str, Any]:
    """Return how many sources the files come from, and the sources with most files."""
    sources = sorted(
        value_counts(folder.columns("raw_code", "source")), key=lambda item: (-item[1], str(item[0]))
    )
    return {"n": len(sources), "largest": dict(sources[:MOST_SOURCES])}


def _outputs(folder: Folder) -> dict[str, int]:
    """Return the number of pairs by the kind of their output, the most frequent first."""
    first = pc.utf8_slice_codeunits(folder.columns("io_pairs", "output")["output"], 0, 1)
    counts: dict[str, int] = {}
    for start, n in value_counts(pa.table({"first": first})):
        kind = KINDS.get(start, "number")
        counts[kind] = counts.get(kind, 0) + n
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _turns(folder: Folder) -> dict[str, int]:
    """Return the number of turns, of those that were cut off, and of those with a constrained answer."""
    table = folder.columns("turns", "finish_reason", "answer_forced")
    return {
        "all": len(table),
        "cut_off": pc.sum(pc.equal(table["finish_reason"], "length")).as_py() or 0,
        "forced": pc.sum(table["answer_forced"]).as_py() or 0,
    }


def _most_tasks(folder: Folder) -> int:
    """Return the largest number of tasks that a function has."""
    return max((n for _, n in value_counts(folder.columns("tasks", "function_id"))), default=0)


def _prompts(folder: Folder) -> list[str]:
    """Return the ids of the prompts with which functions and answers were requested."""
    configs = [table.name for table in TABLES.values() if "prompt_id" in table.columns]
    return sorted(
        {id for config in configs for id, _ in value_counts(folder.columns(config, "prompt_id")) if id}
    )
