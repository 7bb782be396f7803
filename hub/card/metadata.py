"""The metadata of a dataset card: the part of README.md that the Hub and `load_dataset` read.

In: a folder and the numbers of its card. Out: `DatasetCardData`. Configs and splits without rows are omitted,
since an empty split breaks its whole config.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow.parquet as pq
from datasets import DatasetInfo, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCardData

from builders.schema import TABLES
from builders.tables.folder import DEFAULT_CONFIG, SPLITS, Folder
from hub.rights.licences import spdx_ids

TAGS = ("synthetic", "code", "reasoning", "chain-of-thought", "arxiv:2502.07316")
REPO_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
_HUB_LICENCES = frozenset(
    (
        *("0bsd", "afl-3.0", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0"),
        *("cc-by-3.0", "cc-by-4.0", "cc0-1.0", "ecl-2.0", "isc", "mit", "ms-pl", "ncsa", "postgresql"),
        *("unlicense", "wtfpl", "zlib", "unknown"),
    )
)
"""The ids in `licences.PERMISSIVE` for which the Hub has a name; all others are `other` there."""


def metadata(folder: Folder, numbers: dict[str, Any], source: str, title: str) -> DatasetCardData:
    """Return the metadata; `numbers` are those of the card, `source` is what the data was built from."""
    data = DatasetCardData(
        pretty_name=title,
        language=["en"],
        license=hub_licences(row["license"] for row in numbers["licences"]),
        annotations_creators=["machine-generated"],
        source_datasets=[source if REPO_ID.fullmatch(source) else "original"],
        task_categories=["text-generation"],
        size_categories=[size_category(numbers["rows"])],
        tags=list(TAGS),
        configs=[_config(folder, config, splits) for config, splits in numbers["rows"].items()],
    )
    DatasetInfosDict(
        {config: _info(folder, config, splits) for config, splits in numbers["rows"].items()}
    ).to_dataset_card_data(data)
    return data


def _config(folder: Folder, config: str, splits: Iterable[str]) -> dict[str, object]:
    return {
        "config_name": config,
        "description": folder.digest(config),
        "data_files": [{"split": s, "path": f"{config}/{s}-*.parquet"} for s in SPLITS if s in splits],
        **({"default": True} if config == DEFAULT_CONFIG else {}),
    }


def _info(folder: Folder, config: str, splits: dict[str, int]) -> DatasetInfo:
    sizes = dict.fromkeys(splits, 0)
    for file in folder.files(config):
        parquet = pq.read_metadata(file)
        sizes[file.name.split("-")[0]] += sum(
            parquet.row_group(group).total_byte_size for group in range(parquet.num_row_groups)
        )
    return DatasetInfo(
        features=TABLES[config].features,
        splits=SplitDict({s: SplitInfo(s, sizes[s], splits[s]) for s in SPLITS if s in splits}),
        download_size=sum(file.stat().st_size for file in folder.files(config)),
        dataset_size=sum(sizes.values()),
    )


def hub_licences(expressions: Iterable[str | None]) -> list[str]:
    """Return the Hub's names for the licences of rows."""
    ids = {name.lower() for expression in expressions for name in spdx_ids(expression)}
    return sorted({name if name in _HUB_LICENCES else "other" for name in ids}) or ["unknown"]


def size_category(rows: Mapping[str, Mapping[str, int]]) -> str:
    """Return the Hub's size category for a dataset with these rows by config and split."""
    n_rows = sum(sum(splits.values()) for splits in rows.values())
    return next((size for power, size in enumerate(_SIZES, 3) if n_rows < 10**power), _SIZES[-1])
