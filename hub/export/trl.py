"""TRL: Parquet files in its conversational formats, and a README.md that names them as configs.

- `codeio`: prompt and completion, so that SFTTrainer's loss covers only the answer;
- `codeio_pp`: messages, for `assistant_only_loss`, because there is feedback between the answers;
- `preference`: prompt, chosen, rejected, for DPOTrainer and RewardTrainer;
- `rlvr`: prompt, and the columns that GRPOTrainer passes to `hub.rewards.io_prediction_reward`.

The other columns of these tables stay, for selecting rows.
Tested in tests/hub/export/test_export.py.
"""

import hashlib
from pathlib import Path

from huggingface_hub import DatasetCardData

from builders.schema import MESSAGES, REFERENCE_COLUMNS
from hub.export.layout import Format, Layout, Row, Written, column_types, unchanged

_PLUS = column_types("codeio_pp", *REFERENCE_COLUMNS)


def _completed(row: Row, split: str, index: int) -> Row:
    *prompt, answer = row.pop("messages")
    return {"prompt": prompt, "completion": [answer], **row}


def _readme(folder: Path, written: Written) -> dict[str, str]:
    configs = []
    for config in dict.fromkeys(config for config, _ in written):
        files = {split: FORMAT.file(config, split) for name, split in written if name == config}
        digest = hashlib.sha256()
        for file in files.values():
            with (folder / file).open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        configs.append(
            {
                "config_name": config,
                # load_dataset caches a folder by its name and this text, not by its files.
                "description": f"sha256:{digest.hexdigest()}",
                "data_files": [{"split": split, "path": file} for split, file in files.items()],
            }
        )
    return {"README.md": f"---\n{DatasetCardData(configs=configs).to_yaml()}\n---\n"}


FORMAT = Format(
    suffix=".parquet",
    layouts=(
        Layout(
            "codeio",
            tuple(column_types("codeio")),
            {"prompt": MESSAGES, "completion": MESSAGES, **column_types("codeio", "messages")},
            _completed,
        ),
        Layout("codeio_pp", tuple(_PLUS), _PLUS, unchanged),
        Layout("preference", tuple(column_types("preference")), column_types("preference"), unchanged),
        Layout("rlvr", tuple(column_types("rlvr")), column_types("rlvr"), unchanged),
    ),
    extra_files=_readme,
)
