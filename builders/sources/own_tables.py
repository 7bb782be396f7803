"""The tables of an earlier build, as the start of a new one.

In: an output folder, or a dataset on the Hub. Out: the named table and its parents, as the stages make them.
Tables that do not fit together are refused, and so are data of a different format and turns judged by
different rules (`formats`).

Not covered: a table without its parents (a pair cannot be used without its function), functions in other
layouts (`function_files`), and the content of schemas (`io_pairs`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasets import Dataset, concatenate_datasets, get_dataset_config_names, load_dataset
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError

from builders.formats import check_rules
from builders.running.provenance import FILE, provenance
from builders.schema import CONVERSATIONS, TABLES, ancestors, parents
from builders.sources.code_files import SourceError
from builders.stage import Row
from builders.tables.arrow import table
from builders.tables.folder import Folder

_ADVICE = "Give a folder or Hub dataset as codeio made it."


def check_compatible(source: str, name: str) -> None:
    """Raise FormatMismatch if a build cannot start from table `name` of a source, as format or rules differ.

    Raises SourceError if there is no such source, or its provenance cannot be read.
    """
    root = _root(source)
    try:
        recorded = provenance(root, source) if root else {}
    except ValueError as error:
        raise SourceError(f"The provenance of {source} cannot be read ({error}). {_ADVICE}") from error
    if name == "turns":  # the tables before it have no verdicts
        check_rules(source, recorded)


def has_tables(source: str) -> bool:
    """Return whether this is a folder or Hub dataset with a table of functions. Raises SourceError."""
    return not Path(source).is_file() and "functions" in _configs(source)


def load_tables(source: str, name: str) -> dict[str, Dataset]:
    """Return the tables of a folder or Hub dataset that a build from `name` needs or can use.

    Raises SourceError or FormatMismatch.
    """
    path = Path(source)
    if path.is_file():
        raise SourceError(
            f"--from {name} also needs the parent tables: give the folder or Hub dataset, not a file."
        )
    check_compatible(source, name)
    loaded = {}
    available = _configs(source)
    needed = [TABLES[name], *ancestors(TABLES[name])]
    useful = [*needed, *(parent for child in needed for parent in parents(child))]
    for config in TABLES:
        if config in available and TABLES[config] in useful:
            loaded[config] = _table(source, config)
        elif TABLES[config] in needed:
            raise SourceError(
                f"{source} has no table {config}, which --from {name} needs; "
                f"it has {', '.join(available) or 'none'}."
            )
    _refuse_orphans(source, loaded)
    _refuse_gaps(source, loaded)
    return loaded


def conversations(turns: Dataset, tasks: Dataset) -> Dataset:
    """Join turns, one row each, into conversations, one row for each task and sample."""
    row_of = {task: index for index, task in enumerate(tasks["task_id"])}
    gathered: dict[tuple[str, int], list[Row]] = {}
    columns = [column for column in turns.features if column not in ("task_id", "sample")]
    for turn in turns:
        gathered.setdefault((turn["task_id"], turn["sample"]), []).append(
            {column: turn[column] for column in columns}
        )
    rows = [
        {**tasks[row_of[task]], "sample": sample, "turns": sorted(own_turns, key=lambda turn: turn["turn"])}
        for (task, sample), own_turns in gathered.items()
    ]
    return table(rows, CONVERSATIONS.features)


def _configs(source: str) -> list[str]:
    if Path(source).is_dir():
        try:
            return list(Folder(Path(source)).counts())
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{source} holds a .parquet file that cannot be read ({error}). {_ADVICE}"
            ) from error
    with _hub_errors(source):
        return list(get_dataset_config_names(source))


def _root(source: str) -> Path | None:
    """Return the folder with the provenance of a source; None if it has none."""
    path = Path(source)
    if path.exists():
        return path if path.is_dir() else None
    with _hub_errors(source):
        try:
            return Path(hf_hub_download(source, FILE, repo_type="dataset")).parent
        except EntryNotFoundError:
            return None


@contextmanager
def _hub_errors(source: str) -> Iterator[None]:
    """Turn any error of the Hub's clients into a SourceError."""
    try:
        yield
    except Exception as error:  # of many types, which mean the same to the user
        raise SourceError(
            f"{source} is neither a local folder nor a dataset that can be read from the Hub ({error})."
        ) from error


def _table(source: str, config: str) -> Dataset:
    """Return a table with the columns and types of its declaration. Raises SourceError if it lacks some."""
    features, path = TABLES[config].features, Path(source)
    try:
        rows = (
            Folder(path).read(config)
            if path.is_dir()
            else concatenate_datasets(list(load_dataset(source, config).values()))
        )
        missing = [column for column in features if column not in rows.features]
        if not missing:
            rows = rows.select_columns(list(features))
            return rows if rows.features == features else rows.cast(features)  # a cast copies
    except Exception as error:  # of many types, as above
        reason = error.__cause__ or error
        raise SourceError(f"{source}: table {config} cannot be read ({reason}). {_ADVICE}") from error
    raise SourceError(f"{source}: table {config} has no column {', '.join(missing)}. {_ADVICE}")


def _refuse_gaps(source: str, loaded: dict[str, Dataset]) -> None:
    """Raise SourceError if a row has no value in a column that later stages need."""
    for name, rows in loaded.items():
        # The stage `io_pairs` drops functions without a text that they need, with its own reason.
        for column in TABLES[name].required if ancestors(TABLES[name]) else ():
            if None in rows[column]:
                raise SourceError(f"{source}: a row of table {name} has no {column}. {_ADVICE}")


def _refuse_orphans(source: str, loaded: dict[str, Dataset]) -> None:
    """Raise SourceError if a row refers to a parent that is missing: no later stage could join it."""
    for name, rows in loaded.items():
        for parent in parents(TABLES[name]):
            if parent.name not in loaded:
                continue
            on = parent.id_column
            parent_ids = set(loaded[parent.name][on])
            orphans = [row_id for row_id in rows[on] if row_id not in parent_ids]
            if orphans:
                raise SourceError(
                    f"{source}: {len(orphans)} of {len(rows)} rows of table {name} name a {on} that table "
                    f"{parent.name} does not have, such as {orphans[0]}. {_ADVICE}"
                )
