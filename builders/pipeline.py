"""The stages in order, run with resume; nothing clever.

In: options and a source. Out: a folder with every table. After each stage its tables and README.md are
written, so what is finished can be opened while the next stage runs.
"""

import platform
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
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
    OptionError,
    Options,
    RawCodeOptions,
    ResponsesOptions,
    Running,
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
from builders.running.telemetry import Meter, Prices, Sample, sampled
from builders.schema import CONVERSATIONS, TABLES, is_parent
from builders.selection.splits import Clusters, split_of
from builders.sources import own_tables as imports
from builders.sources.code_files import SourceConfig, read_files
from builders.sources.function_files import lines
from builders.sources.function_rows import ImportedFunctions
from builders.stage import Stage
from builders.tables.arrow import selected, table, values
from builders.tables.folder import SPLITS, Folder
from builders.tables.joins import Joined
from builders.tasks import Tasks
from builders.training_set import Turns
from builders.verdicts import Verdicts


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
        limits = part(options, Limits)
        self.sandbox = Sandbox(limits, workers=workers)
        self.prover = Prover(limits, workers=workers)
        self.tables: dict[str, Dataset] = {}
        self.dropped: dict[str, list[Dataset]] = {}
        self.split_of_task: dict[str, str] = {}
        self.conversations = table([], CONVERSATIONS.features)

    def __call__(self, until: str = Running.until) -> None:
        """Run from the first stage that the source leaves open to `until`."""
        todo = steps(self.options, until)
        with ExitStack() as stack:
            stack.enter_context(self.sandbox)
            stack.enter_context(self.prover)
            self.run.log("build", **self._made_with())
            if self.options.from_table:
                self._import(self.options.from_table)
            for step in todo:
                step.run(self)
                self._write("dropped", self._all_dropped())
                self.describe(self.folder)  # `load_dataset` compares sizes of splits with it

    def _import(self, name: str) -> None:
        """Take the tables that `--from` names instead of making them."""
        source = self.options.source
        if name == "functions" and not imports.has_tables(source):
            rows = lines(source, self.run.cache, self.options.limit)
            functions = self._call(ImportedFunctions(part(self.options, RawCodeOptions)), rows)
            self.tables["functions"] = functions
            self._write("functions", functions.select_columns(list(TABLES["functions"].columns)))
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

    def raw_code(self) -> None:
        """Read the source, and judge its files."""
        config = SourceConfig(**asdict(part(self.options, SourceOptions)))
        stage = RawCode(part(self.options, RawCodeOptions), self.sandbox)
        self._table(stage, read_files(config, self.run.cache))

    def functions(self) -> None:
        """Have files made into functions."""
        stage = Functions(part(self.options, FunctionsOptions), self._model(), self.sandbox)
        self._table(stage, self.tables["raw_code"])

    def io_pairs(self) -> None:
        """Draw and prove pairs."""
        stage = IOPairs(part(self.options, IOPairsOptions), self.sandbox, self.prover)
        self._table(stage, self.tables["functions"])

    def tasks(self) -> None:
        """Ask about pairs in both directions."""
        self._table(Tasks(), Joined(self.tables["io_pairs"]).to(self.tables["functions"], "function_id"))

    def responses(self) -> None:
        """Have tasks answered, and the answers judged."""
        stage = Responses(part(self.options, ResponsesOptions), self._model())
        tasks = Joined(self.tables["tasks"]).to(self.tables["functions"], "function_id")
        self._judge(self._call(stage, tasks))

    def revisions(self) -> None:
        """Have wrong answers revised and judged, turn by turn."""
        for turn in range(1, self.options.turns + 1):
            stage = Revisions(part(self.options, Sampling), self._model(), turn)
            rows = Joined(self.conversations).to(self.tables["functions"], "function_id")
            self._judge(self._call(stage, rows))

    def training_set(self) -> None:
        """Lay conversations out."""
        for view in training_set.VIEWS:
            self._table(view(part(self.options, TrainingSetOptions)), self._by_task())

    def _judge(self, conversations: Dataset) -> None:
        rows = (
            Joined(conversations)
            .to(self.tables["io_pairs"], "pair_id")
            .to(self.tables["functions"], "function_id")
        )
        self.conversations = self._call(Verdicts(part(self.options, Limits), self.prover), rows)
        self._table(Turns(), self._by_task())
        self.describe(self.folder)  # `load_dataset` compares sizes of splits with it

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
        usage = self.client.usage if self.client and stage.asks_model else None
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

    def _forget_orphans(self, config: str, rows: Dataset) -> None:
        """Take away the tables after this one where they may tell of rows that it no longer has.

        An edited source or another version of a stage does that. As the run goes on they are made anew.
        """
        column = TABLES[config].id_column
        if not (column and is_parent(TABLES[config])):
            return
        if set(self.folder.column(config, column)) <= set(values(rows, column)):
            return
        for later in list(TABLES)[list(TABLES).index(config) + 1 :]:
            self.folder.write(later, {})

    def _all_dropped(self) -> Dataset:
        """What this pass dropped, and what stages dropped before that it has not come to."""
        old = self.folder.read("dropped")
        still = [index for index, stage in enumerate(values(old, "stage")) if stage not in self.dropped]
        new = [rows for passes in self.dropped.values() for rows in passes]
        return concatenate_datasets([table([], TABLES["dropped"].features), *new, selected(old, still)])

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


@dataclass(frozen=True)
class Step:
    """A part of the pipeline that can be the first or the last to run, and the stages that it calls."""

    name: str
    run: Callable[[Build], None]
    stages: tuple[type[Stage], ...]
    is_due: Callable[[Options], bool] = lambda options: True

    @property
    def asks_model(self) -> bool:
        """Whether one of its stages does."""
        return any(stage.asks_model for stage in self.stages)

    @property
    def tables(self) -> list[str]:
        """The tables that it leaves."""
        return [stage.name for stage in self.stages if stage.name in TABLES]


STEPS = (
    Step("raw_code", Build.raw_code, (RawCode,)),
    Step("functions", Build.functions, (Functions,)),
    Step("io_pairs", Build.io_pairs, (IOPairs,)),
    Step("tasks", Build.tasks, (Tasks,)),
    Step("responses", Build.responses, (Responses, Verdicts, Turns)),
    Step("revisions", Build.revisions, (Revisions, Verdicts, Turns), lambda options: options.turns > 0),
    Step("training_set", Build.training_set, training_set.VIEWS),
)


def steps(options: Options, until: str) -> list[Step]:
    """Return what a build is to run, in order; raises OptionError where the last comes before the first."""
    first = first_step(options.from_table)
    todo = STEPS[STEPS.index(first) : STEPS.index(step_named(until)) + 1]
    if not todo:
        raise OptionError("until", f"lies before {first.name}, the first stage to run")
    return [step for step in todo if step.is_due(options)]


def first_step(from_table: str | None) -> Step:
    """Return the step after the last one that makes the given table."""
    makers = [index for index, step in enumerate(STEPS) if from_table in step.tables]
    return STEPS[makers[-1] + 1 if makers else 0]


def step_named(name: str) -> Step:
    """Return the step of that name."""
    return next(step for step in STEPS if step.name == name)
