"""Ways into the middle of the pipeline: tables made before, and functions in the authors' own layout.

In: an output folder, a dataset on the Hub, or (for functions) a JSONL file. Out: the named table and its
parents, as the stages would have left them. Functions of CodeI/O's raw release (`problem_description`,
`io_requirements`, `refcode`, `funcname`, `ios`) bring recorded pairs, which `io_pairs` proves anew.

Not covered: a table without its parents (pairs are nothing without their functions).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, List, concatenate_datasets, get_dataset_config_names, load_dataset
from genson import SchemaBuilder

from builders.folder import Folder
from builders.schema import CONVERSATIONS, FUNCTIONS, STRING, TABLES, TURN, content_id, table
from builders.source_files import SourceError
from builders.stage import Drop, Row, Stage
from hub.verifier import CanonicalError, canonical

NEEDED = {
    "functions": ("functions",),
    "io_pairs": ("functions", "io_pairs"),
    "tasks": ("functions", "io_pairs", "tasks"),
    "turns": ("functions", "io_pairs", "tasks", "turns"),
}
_REFERENCE = ("problem_description", "io_requirements", "refcode", "funcname", "ios")


class ImportedFunctions(Stage):
    """Lines of JSON (columns `place`, `text`) to functions with the pairs recorded for them, if any."""

    name = "functions"
    version = 1
    features = Features({**FUNCTIONS, "recorded": List({"input": STRING, "output": STRING})})
    key = ("function_id",)

    def identity(self) -> Row:
        """The lines alone decide."""
        return {}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Read each line strictly; one that tells no function is dropped."""
        for row in rows:
            try:
                given = json.loads(row["text"])
                missing = [name for name in _required(given) if not given.get(name)]
                if missing:
                    yield Drop(row["place"], "", "missing_column", f"no {', '.join(missing)}", row["text"])
                elif "refcode" in given:
                    yield from _from_reference(given, row["place"])
                else:
                    yield _from_own(given)
            except (ValueError, RecursionError, AttributeError, TypeError, KeyError) as error:
                yield Drop(row["place"], "", "broken_json", str(error), row["text"])


def lines(source: str) -> Dataset:
    """The lines of a JSONL file, or of a Parquet file's rows as JSON; raises SourceError."""
    path = Path(source)
    try:
        if path.suffix == ".parquet":
            texts = [json.dumps(row) for row in Dataset.from_parquet(str(path), keep_in_memory=True)]
        else:
            texts = path.read_bytes().decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}).") from error
    rows = [
        {"place": f"{path.name}:{number}", "text": text}
        for number, text in enumerate(texts, 1)
        if text.strip()
    ]
    return table(rows, Features({"place": STRING, "text": STRING}))


def tables(source: str, name: str) -> dict[str, Dataset]:
    """The tables that a build from `name` starts with, out of a folder or Hub dataset; raises SourceError."""
    path = Path(source)
    if path.is_file():
        raise SourceError(
            f"--from {name} needs the tables beside it: give the folder or Hub dataset, not a file."
        )
    found = {}
    available = _configs(source)
    for config in ("raw_code", *NEEDED[name]):
        if config in available:
            found[config] = Folder(path).read(config) if path.is_dir() else _from_hub(source, config)
        elif config != "raw_code":
            raise SourceError(
                f"{source} has no table {config}, which --from {name} needs; it has {', '.join(available)}."
            )
    return found


def conversations(turns: Dataset, tasks: Dataset) -> Dataset:
    """Gather laid-out turns again, one row for each task and sample."""
    row_of = {task: index for index, task in enumerate(tasks["task_id"])}
    gathered: dict[tuple[str, int], list[Row]] = {}
    for turn in turns:
        gathered.setdefault((turn["task_id"], turn["sample"]), []).append(
            {column: turn[column] for column in TURN}
        )
    rows = [
        {**tasks[row_of[task]], "sample": sample, "turns": sorted(own, key=lambda turn: turn["turn"])}
        for (task, sample), own in gathered.items()
    ]
    return table(rows, CONVERSATIONS)


def _configs(source: str) -> list[str]:
    if Path(source).is_dir():
        return list(Folder(Path(source)).counts())
    try:
        return list(get_dataset_config_names(source))
    except Exception as error:  # datasets raises many kinds here; all mean the same to the user
        raise SourceError(
            f"{source} is neither a folder here nor a dataset that the Hub gives ({error})."
        ) from error


def _from_hub(repo_id: str, config: str) -> Dataset:
    return concatenate_datasets(list(load_dataset(repo_id, config).values())).cast(TABLES[config])


def _required(given: Any) -> tuple[str, ...]:
    return _REFERENCE if "refcode" in given else ("reference_code", "entrypoint", "input_generator", "query")


def _from_own(given: Row) -> Row:
    own = {column: given.get(column) for column in FUNCTIONS}
    named = ("reference_code", "entrypoint", "input_generator", "query")
    return {**own, "function_id": content_id("function", *(given[name] for name in named)), "recorded": []}


def _from_reference(given: Row, place: str) -> Iterator[Row | Drop]:
    function_id = content_id(
        "function", given["refcode"], given["funcname"], "", given["problem_description"]
    )
    pairs, recorded = [], []
    for index, pair in enumerate(given["ios"]):
        try:
            recorded.append({"input": canonical(pair["input"]), "output": canonical(pair["output"])})
            pairs.append(pair)
        except CanonicalError as error:
            yield Drop(f"{place}#{index}", function_id, "not_json", str(error), repr(pair))
    yield {
        "function_id": function_id,
        "query": given["problem_description"],
        "io_description": given["io_requirements"],
        "reference_code": given["refcode"],
        "entrypoint": given["funcname"],
        "input_generator": "",
        "input_schema": _schema([pair["input"] for pair in pairs]),
        "output_schema": _schema([pair["output"] for pair in pairs]),
        "recorded": recorded,
    }


def _schema(values: list[Any]) -> str:
    builder = SchemaBuilder(schema_uri=None)
    for value in values:
        builder.add_object(value)
    return canonical(builder.to_schema())
