"""The Croissant description that the Hub makes of a release, read by the standard's own reader.

The Hub writes a dataset's Croissant description itself, from what `datasets` reads of the card and the files,
and keeps a copy of the Parquet files as CONFIG/SPLIT/NUMBER.parquet. A description of our own could only
contradict it. So this builds a description of that form from a release, makes such a copy, and lets
mlcroissant read both. The context is that of the standard's version 1.1.

Not covered: what the Hub's server itself answers.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import mlcroissant as mlc
import pyarrow.parquet as pq
import pytest
from datasets import List, Value, get_dataset_config_names, load_dataset_builder
from huggingface_hub import DatasetCard

from builders.tables.folder import Folder
from hub.publish.release import prepare_release, write_card
from tests.publishing import built

REPO = "ada/data"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{
        term: f"cr:{term}"
        for term in (
            *("arrayShape", "column", "containedIn", "extract", "field", "fileProperty", "fileSet"),
            *("includes", "isArray", "jsonPath", "key", "recordSet", "references", "regex", "source"),
            *("subField", "transform"),
        )
    },
}
TYPES = {"string": "sc:Text", "int64": "cr:Int64", "float64": "cr:Float64", "bool": "sc:Boolean"}
LEFT_OUT = ("version", "datePublished", "citeAs")
"""Properties that the standard recommends and the Hub leaves out, whatever the card says."""


def of_the_hub(root: Path, copy: Path) -> mlc.Dataset:
    """Return the description of a release; copy its files like the Hub. Raises mlc.ValidationError."""
    card = DatasetCard.load(root / "README.md").data
    files, record_sets = [], []
    for config in get_dataset_config_names(str(root)):
        builder = load_dataset_builder(str(root), config, cache_dir=str(copy / "cache"))
        for split, paths in builder.config.data_files.items():
            (copy / config / split).mkdir(parents=True)
            for number, path in enumerate(paths):
                shutil.copy(path, copy / config / split / f"{number:04d}.parquet")
        files.append(file_set(config))
        record_sets += [splits_of(config, builder.info), rows_of(config, builder.info)]
    repository = {
        "@type": "cr:FileObject",
        "@id": "repo",
        "name": "repo",
        "contentUrl": f"https://huggingface.co/datasets/{REPO}/tree/refs%2Fconvert%2Fparquet",
        "encodingFormat": "git+https",
        "sha256": "https://github.com/mlcommons/croissant/issues/80",
    }
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": card.pretty_name,
        "description": f"{REPO} dataset hosted on Hugging Face",
        "url": f"https://huggingface.co/datasets/{REPO}",
        "creator": {"@type": "Person", "name": "ada", "url": "https://huggingface.co/ada"},
        "keywords": card.tags,
        "license": [f"https://choosealicense.com/licenses/{name}/" for name in card.license],
        "distribution": [repository, *files],
        "recordSet": record_sets,
    }
    return mlc.Dataset(described, mapping={"repo": str(copy)})


def file_set(config: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"files-of-{config}",
        "containedIn": {"@id": "repo"},
        "encodingFormat": "application/x-parquet",
        "includes": f"{config}/*/*.parquet",
    }


def splits_of(config: str, info: Any) -> dict[str, Any]:
    name = f"{config}_splits/split_name"
    return {
        "@type": "cr:RecordSet",
        "@id": f"{config}_splits",
        "dataType": "cr:Split",
        "key": {"@id": name},
        "field": [{"@type": "cr:Field", "@id": name, "dataType": "sc:Text"}],
        "data": [{name: split} for split in info.splits],
    }


def rows_of(config: str, info: Any) -> dict[str, Any]:
    splits = "|".join(map(re.escape, info.splits))
    split = {
        "@type": "cr:Field",
        "@id": f"{config}/split",
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": f"files-of-{config}"},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": f"{re.escape(config)}/(?:partial-)?({splits})/.+parquet$"},
        },
        "references": {"field": {"@id": f"{config}_splits/split_name"}},
    }
    columns = [field(config, f"{config}/{name}", name, feature) for name, feature in info.features.items()]
    return {"@type": "cr:RecordSet", "@id": config, "field": [split, *columns]}


def field(config: str, name: str, column: str, feature: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a column, or the part of it at a path, as a field. KeyError if the Hub leaves out its type."""
    if isinstance(feature, List):
        return {**field(config, name, column, feature.feature, path), "isArray": True, "arrayShape": "-1"}
    if isinstance(feature, dict):
        parts = [field(config, f"{name}/{part}", column, one, (*path, part)) for part, one in feature.items()]
        return {"@type": "cr:Field", "@id": name, "subField": parts}
    assert isinstance(feature, Value), feature
    source = {"fileSet": {"@id": f"files-of-{config}"}, "extract": {"column": column}}
    transform = {"transform": [{"jsonPath": part} for part in path]} if path else {}
    return {
        "@type": "cr:Field",
        "@id": name,
        "dataType": TYPES[feature.dtype],
        "source": {**source, **transform},
    }


def plain(value: Any, name: str) -> Any:
    """Return a value of mlcroissant's as the table has it: bytes as text, columns by their own names."""
    if isinstance(value, dict):
        return {key.removeprefix(f"{name}/"): plain(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one, name) for one in value]
    return value.decode() if isinstance(value, bytes) else getattr(value, "item", lambda: value)()


def check(root: Path, copy: Path) -> None:
    """Compare what mlcroissant reads with the tables; AssertionError if something differs."""
    described = of_the_hub(root, copy)
    metadata, folder = described.metadata, Folder(root)
    assert all(any(name in warning for name in LEFT_OUT) for warning in metadata.issues.warnings)
    licences = set(folder.column("raw_code", "license"))
    assert set(metadata.license) == {f"https://choosealicense.com/licenses/{name}/" for name in licences}
    assert {one.id for one in metadata.record_sets if not one.id.endswith("_splits")} == set(folder.counts())
    for config in folder.counts():
        found = [plain(record, config) for record in described.records(config)]
        expected = [
            {"split": file.name.split("-")[0], **row}
            for file in folder.files(config)
            for row in pq.read_table(file).to_pylist()
        ]
        assert sorted(found, key=repr) == sorted(expected, key=repr), config


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = prepare_release(Folder(built(tmp_path_factory.mktemp("made"), 2)))
    write_card(made, REPO, "")
    return made.folder.root


def test_the_standards_reader_finds_every_row(made: Path, tmp_path: Path):
    check(made, tmp_path)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("- mit\n", "- apache-2.0\n"),
        ("path: tasks/train-*", "path: turns/train-*"),
        ("path: rlvr/test-*", "path: rlvr/train-*"),
        ("- config_name: io_pairs", "- config_name: pairs"),
    ],
)
def test_a_card_that_is_wrong_is_noticed(made: Path, tmp_path: Path, right: str, wrong: str):
    root = shutil.copytree(made, tmp_path / "made")
    card = (root / "README.md").read_text()
    assert right in card
    (root / "README.md").write_text(card.replace(right, wrong))
    with pytest.raises((AssertionError, ValueError, mlc.ValidationError)):
        check(root, tmp_path / "copy")
