"""Ways into the middle of the pipeline: tables that were made before.

In: an output folder, or a dataset on the Hub. Out: the named table and its parents, as the stages would have
left them; one that does not fit is refused, and so are data of another format and turns judged by other rules
(`formats`). Not covered: a table without its parents (pairs are nothing
without their functions), functions as others lay them out (`function_files`), and what schemas say
(`io_pairs`).
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


def refuse_others(source: str, name: str) -> None:
    """Raise OtherFormat where a build from the table `name` of a source cannot use what is there.

    Raises SourceError where there is no such source, or what tells how it was made cannot be read.
    """
    root = _root(source)
    try:
        told = provenance(root, source) if root else {}
    except ValueError as error:
        raise SourceError(f"What tells how {source} was made cannot be read ({error}). {_ADVICE}") from error
    if name == "turns":  # tables before them hold no verdicts
        check_rules(source, told)


def has_tables(source: str) -> bool:
    """Whether this is a folder or Hub dataset with a table of functions; raises SourceError."""
    return not Path(source).is_file() and "functions" in _configs(source)


def tables(source: str, name: str) -> dict[str, Dataset]:
    """The tables that a build from `name` starts with, out of a folder or Hub dataset.

    Raises SourceError, OtherFormat.
    """
    path = Path(source)
    if path.is_file():
        raise SourceError(
            f"--from {name} needs the tables beside it: give the folder or Hub dataset, not a file."
        )
    refuse_others(source, name)
    found = {}
    available = _configs(source)
    needed = [TABLES[name], *ancestors(TABLES[name])]
    useful = [*needed, *(parent for one in needed for parent in parents(one))]
    for config in TABLES:
        if config in available and TABLES[config] in useful:
            found[config] = _table(source, config)
        elif TABLES[config] in needed:
            raise SourceError(
                f"{source} has no table {config}, which --from {name} needs; "
                f"it has {', '.join(available) or 'none'}."
            )
    _refuse_orphans(source, found)
    _refuse_gaps(source, found)
    return found


def conversations(turns: Dataset, tasks: Dataset) -> Dataset:
    """Gather laid-out turns again, one row for each task and sample."""
    row_of = {task: index for index, task in enumerate(tasks["task_id"])}
    gathered: dict[tuple[str, int], list[Row]] = {}
    columns = [column for column in turns.features if column not in ("task_id", "sample")]
    for turn in turns:
        gathered.setdefault((turn["task_id"], turn["sample"]), []).append(
            {column: turn[column] for column in columns}
        )
    rows = [
        {**tasks[row_of[task]], "sample": sample, "turns": sorted(own, key=lambda turn: turn["turn"])}
        for (task, sample), own in gathered.items()
    ]
    return table(rows, CONVERSATIONS.features)


def _configs(source: str) -> list[str]:
    if Path(source).is_dir():
        try:
            return list(Folder(Path(source)).counts())
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{source} holds a file that is no Parquet file ({error}). {_ADVICE}"
            ) from error
    with _given(source):
        return list(get_dataset_config_names(source))


def _root(source: str) -> Path | None:
    """Return the folder where a source tells how it was made; None where there is none."""
    path = Path(source)
    if path.exists():
        return path if path.is_dir() else None
    with _given(source):
        try:
            return Path(hf_hub_download(source, FILE, repo_type="dataset")).parent
        except EntryNotFoundError:
            return None


@contextmanager
def _given(source: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the clients raise many kinds here; all mean the same to the user
        raise SourceError(
            f"{source} is neither a folder here nor a dataset that the Hub gives ({error})."
        ) from error


def _table(source: str, config: str) -> Dataset:
    """A table with the columns and types of the contract, whoever made it."""
    wanted, path = TABLES[config].features, Path(source)
    try:
        rows = (
            Folder(path).read(config)
            if path.is_dir()
            else concatenate_datasets(list(load_dataset(source, config).values()))
        )
        missing = [column for column in wanted if column not in rows.features]
        if not missing:
            rows = rows.select_columns(list(wanted))
            return rows if rows.features == wanted else rows.cast(wanted)  # a cast copies
    except Exception as error:  # as above
        reason = error.__cause__ or error
        raise SourceError(f"{source}: table {config} cannot be read ({reason}). {_ADVICE}") from error
    raise SourceError(f"{source}: table {config} has no column {', '.join(missing)}. {_ADVICE}")


def _refuse_gaps(source: str, found: dict[str, Dataset]) -> None:
    """Raise SourceError where a row lacks what later stages cannot do without."""
    for name, rows in found.items():
        # Of functions without a text that they need, the stage that makes their pairs says so itself.
        for column in TABLES[name].required if ancestors(TABLES[name]) else ():
            if None in rows[column]:
                raise SourceError(f"{source}: a row of table {name} has no {column}. {_ADVICE}")


def _refuse_orphans(source: str, found: dict[str, Dataset]) -> None:
    """Raise SourceError where a row names a parent that is not there: no later stage could join it."""
    for name, rows in found.items():
        for parent in parents(TABLES[name]):
            if parent.name not in found:
                continue
            on = parent.id_column
            known = set(found[parent.name][on])
            orphans = [row_id for row_id in rows[on] if row_id not in known]
            if orphans:
                raise SourceError(
                    f"{source}: {len(orphans)} of {len(rows)} rows of table {name} name a {on} that table "
                    f"{parent.name} does not have, such as {orphans[0]}. {_ADVICE}"
                )
