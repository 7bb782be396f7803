"""README.md against the files: its metadata must name every config, with its splits, sizes and digest.

In: metadata that anybody may have written. Out: what is wrong in it, and which of the numbers below it differ
from the tables. Files that cannot be read are reported by `untrusted`.

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
from hub.card.card import stale_lines
from hub.card.metadata import hub_licences, size_category
from hub.card.numbers import licences


def check(case: Case) -> None:
    """Compare the metadata with the files, and report files that belong to no table of codeio's."""
    root = case.folder.root
    readme = root / "README.md"
    with case.checking("readme", 1):
        for file in sorted({*root.glob("*.parquet"), *root.glob("*/*.parquet")}):
            if file.parent.name not in TABLES or file.parent == root:
                path = file.relative_to(root).as_posix()
                case.add_finding(
                    "readme", "", path, "belongs to no config that codeio knows; it was not read"
                )
        if not readme.is_file() or readme.stat().st_size > MOST_BYTES:
            case.add_finding("readme", "", "README.md", "is missing, not a file or too large")
            return
        try:
            metadata = metadata_load(readme) or {}
        except Exception as error:  # of many kinds: anybody may have written it
            detail = f"its metadata cannot be read: {str(error).partition(chr(10))[0]}"
            case.add_finding("readme", "", "README.md", detail)
            return
        for config, detail in (*_configs(case, metadata.get("configs")), *_sizes(case, metadata)):
            case.add_finding("readme", config, "README.md", detail)
        if not case.tables.broken:  # counting the tables again reads Parquet in this process
            for detail in (*_wrong_totals(case, metadata), *stale_lines(case.folder)):
                case.add_finding("readme", "", "README.md", detail)


def _configs(case: Case, configs: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(configs, list) or not all(isinstance(config, dict) for config in configs):
        yield "", "its metadata lists no configs"
        return
    names = [_string_or_empty(config.get("config_name")) for config in configs]
    for name in TABLES:
        if case.folder.files(name) and name not in names:
            yield name, "has files, but the metadata does not name it"
    for index, (name, config) in enumerate(zip(names, configs, strict=True)):
        if name not in TABLES:
            yield name, "is a config that codeio does not know"
        elif not case.folder.files(name):
            yield name, "is a config without files"
        elif name in names[:index]:
            yield name, "is named twice"
        elif name in case.tables.rows:
            yield from _config(case, name, config)


def _config(case: Case, name: str, config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    splits = case.tables.counts[name]
    files = [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in SPLITS if split in splits]
    if config.get("data_files") != files:
        yield name, f"its data_files are not those of the splits {', '.join(splits)}"
    if config.get("description") != case.folder.digest(name):
        yield name, "its description is not the digest of its files, so load_dataset may serve different rows"


def _wrong_totals(case: Case, metadata: dict[str, Any]) -> Iterator[str]:
    counted = {
        "license": hub_licences(row["license"] for row in licences(case.folder)),
        "size_categories": [size_category(case.tables.counts)],
    }
    for name, value in counted.items():
        if metadata.get(name) != value:
            yield f"its {name} is not {', '.join(value)}, which is what the tables give"


def _sizes(case: Case, metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    infos = metadata.get("dataset_info", [])
    for info in infos if isinstance(infos, list) else [infos]:
        if not isinstance(info, dict) or not isinstance(info.get("splits", []), list):
            yield "", "its dataset_info does not have the usual form"
            continue
        name = _string_or_empty(info.get("config_name"))
        if name not in TABLES or not case.folder.files(name):
            yield name, "is a config in dataset_info that has no files"
        elif name in case.tables.rows and "splits" in info:
            stated = {
                _string_or_empty(split.get("name")): split.get("num_examples")
                for split in info["splits"]
                if isinstance(split, dict)
            }
            if stated != case.tables.counts[name]:
                yield name, f"its splits are {case.tables.counts[name]}, but dataset_info says otherwise"


def _string_or_empty(value: Any) -> str:
    return value if isinstance(value, str) else ""
