"""LLaMA-Factory: a `dataset_dir` with JSONL files that `dataset_info.json` describes.

Supervised data (`codeio`, `codeio_pp`) has messages in `sharegpt` formatting with OpenAI's roles. Preference
pairs (`preference`) are `ranking` data, for its stage `rm` and for DPO. Columns that it does not read stay in
the files, for selecting rows. Not covered: prompts for reinforcement learning, which it has no verifier for.
Tested in tests/hub/export/test_export.py.
"""

import json
from pathlib import Path

from builders.schema import MESSAGES, REFERENCE_COLUMNS, Type
from hub.export.layout import Format, Layout, Row, Written, column_types, unchanged

_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
_MESSAGE: Type = {"role": "string", "content": "string"}
_PLUS = column_types("codeio_pp", *REFERENCE_COLUMNS)


def _ranked(row: Row, split: str, index: int) -> Row:
    (chosen,), (rejected,) = row.pop("chosen"), row.pop("rejected")
    return {"messages": row.pop("prompt"), "chosen": chosen, "rejected": rejected, **row}


def _dataset_info(folder: Path, written: Written) -> dict[str, str]:
    described = {}
    for config, split in written:
        is_ranking = config == "preference"
        columns = ("messages", "chosen", "rejected") if is_ranking else ("messages",)
        described[f"{config}_{split}"] = {
            "file_name": FORMAT.file(config, split),
            "formatting": "sharegpt",
            "ranking": is_ranking,
            "columns": {column: column for column in columns},
            "tags": _TAGS,
        }
    return {"dataset_info.json": json.dumps(described, indent=2) + "\n"}


FORMAT = Format(
    suffix=".jsonl",
    layouts=(
        Layout("codeio", tuple(column_types("codeio")), column_types("codeio"), unchanged),
        Layout("codeio_pp", tuple(_PLUS), _PLUS, unchanged),
        Layout(
            "preference",
            tuple(column_types("preference")),
            {
                "messages": MESSAGES,
                "chosen": _MESSAGE,
                "rejected": _MESSAGE,
                **column_types("preference", "prompt", "chosen", "rejected"),
            },
            _ranked,
        ),
    ),
    extra_files=_dataset_info,
)
