"""The stages in order, run with resume; nothing clever.

In: options and a source. Out: a folder with every table. After each stage its tables and README.md are
written, so what is finished can be opened while the next stage runs.
"""

import platform
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from datasets import Dataset, concatenate_datasets

from builders.execution import Prover, Sandbox
from builders.functions.stage import Functions
from builders.inference import Client
from builders.io_pairs import IOPairs
from builders.raw_code import RawCode
from builders.responses import Responses
from builders.revisions import Revisions
from builders.running.observer import Observer
from builders.running.options import Options
from builders.running.run import Run
from builders.running.telemetry import Meter, Prices, Sample, sampled
from builders.schema import CONVERSATIONS, DROPPED, IDS, TABLES, table
from builders.selection.splits import Clusters, split_of
from builders.sources import code_files as source_files
from builders.sources import own_tables as imports
from builders.sources.function_files import lines
from builders.sources.function_rows import ImportedFunctions
from builders.stage import Stage
from builders.tables.arrow import selected, values
from builders.tables.folder import SPLITS, Folder
from builders.tables.joins import Joined
from builders.tasks import Tasks
from builders.training_set import VIEWS, Turns
from builders.verdicts import Verdicts

STAGES = ("raw_code", "functions", "io_pairs", "tasks", "responses", "revisions", "training_set")
NEED_MODEL = ("functions", "responses", "revisions")
FIRST_STAGE = {
    None: "raw_code",
    "functions": "io_pairs",
    "io_pairs": "tasks",
    "tasks": "responses",
    "turns": "training_set",
}
"""The stage that runs first, by the table that is given."""


class Build:
    """One pass over the stages; `tables` holds what they kept."""

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
        """`describe` writes the folder's README.md; it is called whenever tables have changed."""
        self.options = options
        self.run = run
        self.folder = Folder(run.out)
        self.observer = observer
        self.describe = describe
        self.client = client
        self.prices = prices
        self.sandbox = Sandbox(options.limits, workers=workers)
        self.prover = Prover(options.limits, workers=workers)
        self.tables: dict[str, Dataset] = {}
        self.dropped: dict[str, list[Dataset]] = {}
        self.split_of_task: dict[str, str] = {}
        self.conversations = table([], CONVERSATIONS)

    def __call__(self, until: str = STAGES[-1]) -> None:
        """Run from the first stage that the source leaves open to `until`."""
        first = FIRST_STAGE[self.options.from_table]
        with ExitStack() as stack:
            stack.enter_context(self.sandbox)
            stack.enter_context(self.prover)
            self.run.log("build", **self._made_with())
            if self.options.from_table:
                self._import(self.options.from_table)
            for stage in STAGES[STAGES.index(first) : STAGES.index(until) + 1]:
                getattr(self, f"_{stage}")()
                self._write("dropped", self._all_dropped())
                self.describe(self.folder)  # `load_dataset` compares sizes of splits with it

    def _import(self, name: str) -> None:
        """Take the tables that `--from` names instead of making them."""
        source = self.options.source
        if name == "functions" and not imports.has_tables(source):
            rows = lines(source, self.run.cache, self.options.limit)
            functions = self._call(ImportedFunctions(self.options.license), rows)
            self.tables["functions"] = functions
            self._write("functions", functions.select_columns(list(TABLES["functions"])))
            return
        self.tables = imports.tables(source, name)
        self.tables[name] = self._limited(self.tables[name])
        if name == "turns":
            self.conversations = imports.conversations(self.tables["turns"], self.tables["tasks"])
        for config, rows in self.tables.items():
            self._write(config, rows)

    def _limited(self, rows: Dataset) -> Dataset:
        limit = self.options.limit
        return rows if limit is None else rows.select(range(min(limit, len(rows))))

    def _raw_code(self) -> None:
        options = self.options
        config = source_files.SourceConfig(
            source=options.source,
            content_column=options.content_column,
            path_column=options.path_column,
            license_column=options.license_column,
            limit=options.limit,
        )
        self._table(RawCode(self.sandbox, options.license), source_files.read(config, self.run.cache))

    def _functions(self) -> None:
        self._table(
            Functions(self._model(), self.sandbox, self.options.limits, self.options.seed),
            self.tables["raw_code"],
        )

    def _io_pairs(self) -> None:
        options = self.options
        stage = IOPairs(self.sandbox, self.prover, options.limits, options.max_pairs, options.seed)
        self._table(stage, self.tables["functions"])

    def _tasks(self) -> None:
        self._table(Tasks(), Joined(self.tables["io_pairs"]).to(self.tables["functions"], "function_id"))

    def _responses(self) -> None:
        stage = Responses(self._model(), self.options.sampling, self.options.samples)
        tasks = Joined(self.tables["tasks"]).to(self.tables["functions"], "function_id")
        self._judge(self._call(stage, tasks))

    def _revisions(self) -> None:
        for turn in range(1, self.options.turns + 1):
            stage = Revisions(self._model(), self.options.sampling, turn)
            rows = Joined(self.conversations).to(self.tables["functions"], "function_id")
            self._judge(self._call(stage, rows))

    def _judge(self, conversations: Dataset) -> None:
        rows = (
            Joined(conversations)
            .to(self.tables["io_pairs"], "pair_id")
            .to(self.tables["functions"], "function_id")
        )
        self.conversations = self._call(Verdicts(self.prover, self.options.limits), rows)
        self._table(Turns(), self._by_task())
        self.describe(self.folder)  # `load_dataset` compares sizes of splits with it

    def _training_set(self) -> None:
        for view in VIEWS:
            self._table(view(self.options.sampling.system, self.options.keep_reasoning), self._by_task())

    def _by_task(self) -> Joined:
        rows = (
            Joined(self.tables["tasks"])
            .to(self.tables["io_pairs"], "pair_id")
            .to(self.tables["functions"], "function_id")
        )
        if "raw_code" in self.tables:
            rows = rows.to(self.tables["raw_code"].select_columns(["code_id", "source"]), "code_id")
        return rows.gathering(
            "conversations", self.conversations.select_columns(["task_id", "sample", "turns"]), "task_id"
        )

    def _table(self, stage: Stage, source: Dataset | Joined) -> None:
        self.dropped.pop(stage.name, None)  # of a pass over fewer turns
        self.tables[stage.name] = self._call(stage, source)
        self._write(stage.name, self.tables[stage.name])

    def _call(self, stage: Stage, source: Dataset | Joined) -> Dataset:
        usage = self.client.usage if self.client and stage.name in NEED_MODEL else None
        meter = Meter(stage.name, len(source), usage, self.prices)
        stage.advance = meter.advance
        started = time.monotonic()
        self.observer.begins(meter)
        try:
            with sampled(meter, self._tell) if usage else nullcontext():
                kept, dropped = stage(source, self.run.cache)
            self.dropped.setdefault(stage.name, []).append(dropped)
            self.observer.ends(meter, len(kept), len(dropped))
        finally:
            self.run.log(
                "stage",
                stage=stage.name,
                rows=len(source),
                seconds=round(time.monotonic() - started, 3),
                tier=self.sandbox.tier,
                **meter.spent(),
            )
        return kept

    def _tell(self, sample: Sample) -> None:
        self.run.log("sample", **asdict(sample))
        self.observer.goes_on(sample)

    def _write(self, config: str, rows: Dataset) -> None:
        """Write a table; tasks and all after them by split of their functions."""
        self._forget_orphans(config, rows)
        if "task_id" not in rows.features or not len(rows):
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

    def _forget_orphans(self, config: str, rows: Dataset) -> None:
        """Take away the tables after this one where they may tell of rows that it no longer has.

        An edited source or another version of a stage does that. As the run goes on they are made anew.
        """
        column = IDS.get(config)
        if not column or set(self.folder.column(config, column)) <= set(values(rows, column)):
            return
        for later in [*list(TABLES)[list(TABLES).index(config) + 1 :], "dropped"]:
            self.folder.write(later, {})

    def _all_dropped(self) -> Dataset:
        """What this pass dropped, and what stages dropped before that it has not come to."""
        old = self.folder.read("dropped")
        still = [index for index, stage in enumerate(values(old, "stage")) if stage not in self.dropped]
        new = [rows for passes in self.dropped.values() for rows in passes]
        return concatenate_datasets([table([], DROPPED), *new, selected(old, still)])

    def _splits(self) -> dict[str, str]:
        clusters, _ = Clusters(self.sandbox)(self.tables["functions"], self.run.cache)
        of_function = {
            function: split_of(cluster, self.options.test_share)
            for function, cluster in zip(
                values(clusters, "function_id"), values(clusters, "cluster"), strict=True
            )
        }
        tasks = self.tables["tasks"]
        return {
            task: of_function[function]
            for task, function in zip(values(tasks, "task_id"), values(tasks, "function_id"), strict=True)
        }

    def _made_with(self) -> dict[str, str | None]:
        """Versions of what decides a row, or how it is written down."""
        return {
            "codeio": _own_version(),
            "python": platform.python_version(),
            "numpy": self.prover.numpy_version,
            "datasets": version("datasets"),
            "machine": platform.machine(),
        }

    def _model(self) -> Client:
        if self.client is None:
            raise ValueError("this stage asks a model, and none was given")
        return self.client


def _own_version() -> str:
    try:
        return version("codeio")
    except PackageNotFoundError:  # run from its sources, which are any
        return "unknown"


def made_by(stage: str) -> list[str]:
    """The tables that a stage leaves."""
    if stage == "training_set":
        return [view.name for view in VIEWS]
    return ["turns" if stage in ("responses", "revisions") else stage]
