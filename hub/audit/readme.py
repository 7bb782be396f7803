"""README.md against the files: its metadata name every config, with its splits, sizes and digest.

In: metadata that anybody may have written. Out: what they say that is not so, and what of the numbers below
them is not what the tables hold. Whether files can be read is told where they are (`tables`).

Not covered: the card's other sentences.
Tested in tests/hub/audit/test_audit.py.
"""

from collections.abc import Iterator
from typing import Any

from huggingface_hub.repocard import metadata_load

from builders.schema import TABLES
from builders.tables.folder import SPLITS
from hub.audit.case import Case
from hub.audit.shipped import MOST_BYTES
from hub.card.card import stale
from hub.card.metadata import hub_licences, size_category
from hub.card.numbers import licences


def check(case: Case) -> None:
    """Compare metadata and files; list tables of codeio's that are not there."""
    root = case.folder.root
    readme = root / "README.md"
    with case.looking("readme", 1):
        for file in sorted({*root.glob("*.parquet"), *root.glob("*/*.parquet")}):
            if file.parent.name not in TABLES or file.parent == root:
                where = file.relative_to(root).as_posix()
                case.found("readme", "", where, "is of no config that codeio knows; it was not read")
        if not readme.is_file() or readme.stat().st_size > MOST_BYTES:
            case.found("readme", "", "README.md", "is not there, or too large to be one")
            return
        try:
            metadata = metadata_load(readme) or {}
        except Exception as error:  # of many kinds: anybody may have written it
            detail = f"its metadata cannot be read: {str(error).partition(chr(10))[0]}"
            case.found("readme", "", "README.md", detail)
            return
        for config, detail in (*_configs(case, metadata.get("configs")), *_sizes(case, metadata)):
            case.found("readme", config, "README.md", detail)
        if not case.tables.broken:  # what counts again reads Parquet in this process
            for detail in (*_told(case, metadata), *stale(case.folder)):
                case.found("readme", "", "README.md", detail)


def _configs(case: Case, told: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        yield "", "its metadata list no configs"
        return
    names = [_text(one.get("config_name")) for one in told]
    for name in TABLES:
        if case.folder.files(name) and name not in names:
            yield name, "has files, and the metadata do not name it"
    for index, (name, one) in enumerate(zip(names, told, strict=True)):
        if name not in TABLES:
            yield name, "is a config that codeio does not know"
        elif not case.folder.files(name):
            yield name, "is a config without files"
        elif name in names[:index]:
            yield name, "is named twice"
        elif name in case.tables.rows:
            yield from _config(case, name, one)


def _config(case: Case, name: str, told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    splits = case.tables.counts[name]
    files = [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in SPLITS if split in splits]
    if told.get("data_files") != files:
        yield name, f"its data_files are not those of the splits {', '.join(splits)}"
    if told.get("description") != case.folder.digest(name):
        yield name, "its description is not the digest of its files, so load_dataset may serve other rows"


def _told(case: Case, metadata: dict[str, Any]) -> Iterator[str]:
    counted = {
        "license": hub_licences(row["license"] for row in licences(case.folder)),
        "size_categories": [size_category(case.tables.counts)],
    }
    for name, value in counted.items():
        if metadata.get(name) != value:
            yield f"its {name} is not {', '.join(value)}, as the tables tell"


def _sizes(case: Case, metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    infos = metadata.get("dataset_info", [])
    for info in infos if isinstance(infos, list) else [infos]:
        if not isinstance(info, dict) or not isinstance(info.get("splits", []), list):
            yield "", "its dataset_info is not of the usual form"
            continue
        name = _text(info.get("config_name"))
        if name not in TABLES or not case.folder.files(name):
            yield name, "is a config in dataset_info that has no files"
        elif name in case.tables.rows and "splits" in info:
            told = {
                _text(split.get("name")): split.get("num_examples")
                for split in info["splits"]
                if isinstance(split, dict)
            }
            if told != case.tables.counts[name]:
                yield name, f"its splits are {case.tables.counts[name]}, and not as dataset_info tells"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
