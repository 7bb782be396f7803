"""A build: the tables that it has made so far, and a method for each step of the pipeline.

In: options, the folder of a run, and a client if a stage asks a model. Out: a folder with every table. After
each stage its tables and README.md are written, so finished tables can be opened while the next stage runs.

Not covered: which steps a build has, and their order (`pipeline`).
Tested in tests/stories/test_build.py.
"""

import platform
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from datasets import Dataset, concatenate_datasets

from builders import training_set
from builders.execution import Prover, Sandbox
from builders.functions.stage import Functions
from builders.inference import Client
from builders.io_pairs import IOPairs
from builders.options import (
    FunctionsOptions,
    IOPairsOptions,
    Limits,
    Options,
    RawCodeOptions,
    ResponsesOptions,
    Sampling,
    SourceOptions,
    TrainingSetOptions,
    part,
)
from builders.raw_code import RawCode
from builders.responses import Responses
from builders.revisions import Revisions
from builders.running.observer import Observer
from builders.running.run import Run
from builders.running.telemetry import Meter, Prices, Sample, report_samples
from builders.schema import CONVERSATIONS, TABLES, is_parent
from builders.selection.splits import Clusters, split_of
from builders.sources import own_tables
from builders.sources.code_files import SourceConfig, read_files
from builders.sources.function_files import read_lines
from builders.sources.function_rows import ImportedFunctions
from builders.stage import Stage
from builders.tables.arrow import selected, table, values
from builders.tables.folder import SPLITS, Folder
from builders.tables.joins import LazyJoin
from builders.tasks import Tasks
from builders.training_set import Turns
from builders.verdicts import Verdicts


class Build:
    """One run of the pipeline; `tables` holds the rows that its stages kept."""

    def __init__(
        self,
        options: Options,
        run: Run,
        client: Client | None,
        *,
        workers: int,
        observer: Observer,
        describe: Callable[[Folder], None],
        prices: Prices | None = None,
    ) -> None:
        """Prepare a build; `describe` writes the folder's README.md, and is called when tables have changed.

        `workers` is the number of sandbox processes of each kind.
        """
        self.options = options
        self.run = run
        self.folder = Folder(run.out)
        self.observer = observer
        self.describe = describe
        self.client = client
        self.prices = prices
        self.sandbox = Sandbox(part(options, Limits), workers=workers)
        self.prover = Prover.sharing(self.sandbox)
        self.tables: dict[str, Dataset] = {}
        self.dropped: dict[str, list[Dataset]] = {}
        self.split_of_task: dict[str, str] = {}
        self.conversations = table([], CONVERSATIONS.features)

    def run_steps(self, steps: Iterable[Callable[["Build"], None]]) -> None:
        """Run the steps, which are methods of this class, in order, and log the versions used."""
        with self.sandbox:
            self.run.log("build", **self._versions())
            if self.options.from_table:
                self._read_tables(self.options.from_table)
            for step in steps:
                step(self)
                self._write("dropped", self._all_dropped())
                self.describe(self.folder)  # `load_dataset` compares the sizes of splits with README.md

    def _read_tables(self, name: str) -> None:
        """Read the table that `--from` names, and its ancestors, instead of making them."""
        source = self.options.source
        if name == "functions" and not own_tables.has_tables(source):
            rows = read_lines(source, self.run.cache, self.options.limit)
            functions = self._run_stage(ImportedFunctions(part(self.options, RawCodeOptions)), rows)
            self.tables["functions"] = functions
            self._write("functions", functions.select_columns(list(TABLES["functions"].columns)))
            return
        self.tables = own_tables.load_tables(source, name)
        self.tables[name] = self._limited(self.tables[name])
        if name == "turns":
            self.conversations = own_tables.conversations(self.tables["turns"], self.tables["tasks"])
        for config, rows in self.tables.items():
            self._write(config, rows)

    def _limited(self, rows: Dataset) -> Dataset:
        limit = self.options.limit
        return rows if limit is None else rows.select(range(min(limit, len(rows))))

    def make_raw_code(self) -> None:
        """Read the source, and keep the files that can be used."""
        config = SourceConfig(**asdict(part(self.options, SourceOptions)))
        stage = RawCode(part(self.options, RawCodeOptions), self.sandbox)
        self._make_table(stage, read_files(config, self.run.cache))

    def make_functions(self) -> None:
        """Ask the model to turn files into functions."""
        stage = Functions(part(self.options, FunctionsOptions), self._required_client(), self.sandbox)
        self._make_table(stage, self.tables["raw_code"])

    def make_io_pairs(self) -> None:
        """Draw inputs for the functions, and prove their outputs."""
        stage = IOPairs(part(self.options, IOPairsOptions), self.sandbox, self.prover)
        self._make_table(stage, self.tables["functions"])

    def make_tasks(self) -> None:
        """Write a task for each pair and direction."""
        pairs = LazyJoin(self.tables["io_pairs"]).join(self.tables["functions"], "function_id")
        self._make_table(Tasks(), pairs)

    def make_responses(self) -> None:
        """Ask the model to answer the tasks, and judge the answers."""
        stage = Responses(part(self.options, ResponsesOptions), self._required_client())
        tasks = LazyJoin(self.tables["tasks"]).join(self.tables["functions"], "function_id")
        self._judge_turns(self._run_stage(stage, tasks))

    def make_revisions(self) -> None:
        """Ask the model to revise wrong answers, and judge the new ones, turn by turn."""
        for turn in range(1, self.options.turns + 1):
            if turn > 1:
                self.describe(self.folder)  # the turn before has written `turns`
            stage = Revisions(part(self.options, Sampling), self._required_client(), turn)
            rows = LazyJoin(self.conversations).join(self.tables["functions"], "function_id")
            self._judge_turns(self._run_stage(stage, rows))

    def make_training_set(self) -> None:
        """Write the tables to train on."""
        for view in training_set.VIEWS:
            self._make_table(view(part(self.options, TrainingSetOptions)), self._tasks_with_conversations())

    def _judge_turns(self, conversations: Dataset) -> None:
        """Judge the last turn of each conversation, and write `turns`."""
        rows = (
            LazyJoin(conversations)
            .join(self.tables["io_pairs"], "pair_id")
            .join(self.tables["functions"], "function_id")
        )
        self.conversations = self._run_stage(Verdicts(part(self.options, Limits), self.prover), rows)
        self._make_table(Turns(), self._tasks_with_conversations())

    def _tasks_with_conversations(self) -> LazyJoin:
        """Return the tasks joined with their pairs and functions, each with a list of its conversations."""
        rows = (
            LazyJoin(self.tables["tasks"])
            .join(self.tables["io_pairs"], "pair_id")
            .join(self.tables["functions"], "function_id")
        )
        if "raw_code" in self.tables:
            rows = rows.join(self.tables["raw_code"].select_columns(["code_id", "source"]), "code_id")
        return rows.join_list(
            "conversations", self.conversations.select_columns(["task_id", "sample", "turns"]), "task_id"
        )

    def _make_table(self, stage: Stage, source: Dataset | LazyJoin) -> None:
        self.dropped.pop(stage.name, None)  # `turns` is made again after each revision
        self.tables[stage.name] = self._run_stage(stage, source)
        self._write(stage.name, self.tables[stage.name])

    def _run_stage(self, stage: Stage, source: Dataset | LazyJoin) -> Dataset:
        """Run a stage with progress and telemetry, and return the rows that it kept."""
        usage = self.client.usage if self.client and stage.asks_model else None
        meter = Meter(stage.name, len(source), usage, self.prices)
        stage.advance = meter.advance
        started = time.monotonic()
        self.observer.on_start(meter)
        try:
            with report_samples(meter, self._report) if usage else nullcontext():
                kept, dropped = stage(source, self.run.cache)
            self.dropped.setdefault(stage.name, []).append(dropped)
            self.observer.on_end(meter, len(kept), len(dropped))
        finally:
            self.run.log(
                "stage",
                stage=stage.name,
                rows=len(source),
                seconds=round(time.monotonic() - started, 3),
                tier=self.sandbox.tier,
                **meter.usage_since_start(),
            )
        return kept

    def _report(self, sample: Sample) -> None:
        self.run.log("sample", **asdict(sample))
        self.observer.on_sample(sample)

    def _write(self, config: str, rows: Dataset) -> None:
        """Write a table; tasks and later tables are split as their functions are."""
        self._remove_stale(config, rows)
        if not TABLES[config].is_split or not len(rows):
            self.folder.write(config, {"train": rows})
            return
        if config == "tasks":
            self.split_of_task = self._splits()
        splits = [self.split_of_task[task] for task in values(rows, "task_id")]
        self.folder.write(
            config,
            {
                name: selected(rows, [i for i, split in enumerate(splits) if split == name])
                for name in SPLITS
                if name in splits
            },
        )

    def _remove_stale(self, config: str, rows: Dataset) -> None:
        """Remove the tables after this one if the folder's version of it has rows that are gone now.

        This happens if the source was edited or a stage has a new version. Later steps write these tables.
        """
        column = TABLES[config].id_column
        if not (column and is_parent(TABLES[config])):
            return
        if set(self.folder.column(config, column)) <= set(values(rows, column)):
            return
        for later in list(TABLES)[list(TABLES).index(config) + 1 :]:
            self.folder.write(later, {})

    def _all_dropped(self) -> Dataset:
        """Return the rows dropped here, and those that an earlier build dropped in stages not run yet."""
        old = self.folder.read("dropped")
        kept = [index for index, stage in enumerate(values(old, "stage")) if stage not in self.dropped]
        new = [rows for passes in self.dropped.values() for rows in passes]
        return concatenate_datasets([table([], TABLES["dropped"].features), *new, selected(old, kept)])

    def _splits(self) -> dict[str, str]:
        """Return the split of each task; functions that are near copies are in the same split."""
        clusters, _ = Clusters(self.sandbox)(self.tables["functions"], self.run.cache)
        split_of_function = {
            function: split_of(cluster, self.options.test_share)
            for function, cluster in zip(
                values(clusters, "function_id"), values(clusters, "cluster"), strict=True
            )
        }
        tasks = self.tables["tasks"]
        return {
            task: split_of_function[function]
            for task, function in zip(values(tasks, "task_id"), values(tasks, "function_id"), strict=True)
        }

    def _versions(self) -> dict[str, str | None]:
        """Return the versions of everything that decides rows, or how they are written to files."""
        return {
            "codeio": _own_version(),
            "python": platform.python_version(),
            "numpy": self.prover.numpy_version,
            "datasets": version("datasets"),
            "machine": platform.machine(),
        }

    def _required_client(self) -> Client:
        if self.client is None:
            raise ValueError("this stage asks a model, and none was given")
        return self.client


def _own_version() -> str:
    try:
        return version("codeio")
    except PackageNotFoundError:  # not installed: run from sources of any version
        return "unknown"
