"""The command `codeio`: reads options, refuses bad ones before any work, and tells how it went.

Exit codes: 0 done; 1 nothing could be done, and the message says why; 2 a wrong command line; 3 some rows
wait for an answer, and the same command asks again for just those; 130 stopped by hand.
"""

import errno
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import datasets
import typer
from rich.console import Console
from rich.table import Column, Table

from builders import doctor as checkup
from builders import raw_code, summary
from builders.execution import SandboxUnavailable, WorkerLost
from builders.folder import Folder
from builders.inference import InferenceError, Server, connect, embedded
from builders.pipeline import FIRST_STAGE, NEED_MODEL, STAGES, Build, Observer, Options, deciding, made_by
from builders.progress import Bars, Lines
from builders.responses import Sampling
from builders.run import Run, RunError
from builders.source_files import SourceError
from builders.stage import OpenRows

app = typer.Typer(
    help="From raw code to proven reasoning data, the CodeI/O way.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
SERVER_CONCURRENCY = 32
EMBEDDED_SLOTS = 2  # each works through the shared prefix of the prompts on its own
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


@app.command()
def build(
    source: Annotated[
        str,
        typer.Argument(help="Folder, file (.py, .jsonl, .parquet) or Hub dataset; `corpus`: our sample."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; the same command goes on where it stopped.")],
    from_table: Annotated[
        str | None, typer.Option("--from", help="SOURCE is this table: functions, io_pairs, tasks or turns.")
    ] = None,
    until: Annotated[str, typer.Option(help=f"Last stage to run: {', '.join(STAGES)}.")] = STAGES[-1],
    base_url: Annotated[str | None, typer.Option(help="An OpenAI-compatible server, such as sglang.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model on that server; may be left out where it serves one.")
    ] = None,
    embedded_model: Annotated[
        str | None,
        typer.Option(
            "--embedded",
            metavar="MODEL",
            help="Run a model in this process: qwen2.5-coder-0.5b, qwen2.5-coder-1.5b or a GGUF file.",
        ),
    ] = None,
    max_pairs: Annotated[int, typer.Option(min=1, max=100, help="Most pairs a function.")] = 3,
    turns: Annotated[int, typer.Option(min=0, help="Revision turns after the first answer.")] = 1,
    samples: Annotated[int, typer.Option(min=1, help="Answers a task.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N rows of SOURCE.")] = None,
    seed: Annotated[int, typer.Option(help="Seeds draws and sampling.")] = 0,
    test_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of functions kept for the test split.")
    ] = 0.02,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the answers.")] = 0.7,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of the answers.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=16, help="Longest answer, in tokens.")] = 4096,
    license: Annotated[
        str | None, typer.Option(help="Licence of source files that name none themselves.")
    ] = None,
    content_column: Annotated[str, typer.Option(help="Column of a table that holds the code.")] = "content",
    path_column: Annotated[str, typer.Option(help="Column with the path.")] = "path",
    license_column: Annotated[str, typer.Option(help="Column with the licence.")] = "license",
    num_proc: Annotated[int, typer.Option(min=1, help="Sandbox workers.")] = 2,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests in flight to a server.")
    ] = SERVER_CONCURRENCY,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline: raw code to training set, or any part of it."""
    if from_table not in FIRST_STAGE:
        raise typer.BadParameter(f"choose one of {', '.join(filter(None, FIRST_STAGE))}", param_hint="--from")
    if until not in STAGES:
        raise typer.BadParameter(f"choose one of {', '.join(STAGES)}", param_hint="--until")
    stages = STAGES[STAGES.index(FIRST_STAGE[from_table]) : STAGES.index(until) + 1]
    if not stages:
        raise typer.BadParameter(
            f"lies before {FIRST_STAGE[from_table]}, the first stage to run", param_hint="--until"
        )
    if base_url and embedded_model:
        raise typer.BadParameter(
            "give a server or an embedded model, not both", param_hint="--base-url/--embedded"
        )
    asks = [stage for stage in stages if stage in NEED_MODEL and not (stage == "revisions" and turns == 0)]
    if asks and not (base_url or embedded_model):
        raise typer.BadParameter(
            f"{asks[0]} asks a model: name a server with --base-url, or use --embedded qwen2.5-coder-1.5b",
            param_hint="--base-url/--embedded",
        )
    options = Options(
        source=str(raw_code.corpus()) if source == "corpus" and not Path(source).exists() else source,
        from_table=from_table,
        content_column=content_column,
        path_column=path_column,
        license_column=license_column,
        license=license,
        limit=limit,
        max_pairs=max_pairs,
        turns=turns,
        samples=samples,
        seed=seed,
        test_share=test_share,
        sampling=Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed),
    )
    console = Console(stderr=True)
    run, folder = Run(out), Folder(out)
    with (
        run.opened(deciding(options)),
        _server(base_url if asks else None, model, embedded_model if asks else None) as server,
    ):
        if server:
            run.remember({"model": server.identity})
        observer = Observer() if as_json else Bars(console) if console.is_terminal else Lines(console)
        made = Build(
            options,
            run,
            server,
            workers=num_proc,
            concurrency=EMBEDDED_SLOTS if embedded_model else concurrency,
            observer=observer,
        )
        console.print(
            f"sandbox {made.sandbox.tier}; model {server.identity if server else 'none needed'}", style="dim"
        )
        with observer:
            made(until)
    _tell(folder, run, as_json, whole=True)
    if not any(len(made.tables[name]) for name in made_by(until)):
        raise _Failure(
            "No row came through; the reasons stand above and, with each row, in the table `dropped`."
        )


@app.command()
def status(
    out: Annotated[Path, typer.Argument(help="Output folder of a build.")],
    as_json: AsJson = False,
) -> None:
    """Tell where a run stands: rows, reasons, statuses, time and tokens."""
    run = Run(out)
    if not run.options():
        raise _Failure(f"{out} holds no run. Start one with: codeio build SOURCE --out {out}")
    _tell(Folder(out), run, as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at sandbox, engines, Hub login and disk."""
    found = checkup.findings()
    if as_json:
        print(json.dumps({"findings": [vars(finding) for finding in found]}))
    else:
        table = Table("", "", Column("found", overflow="fold"), "to mend it")
        for finding in found:
            table.add_row(
                "ok" if finding.ok else "--",
                finding.name,
                finding.found,
                "" if finding.ok else finding.advice,
            )
        Console().print(table)
    if not next(finding.ok for finding in found if finding.name == "sandbox"):
        raise typer.Exit(1)


class _Failure(Exception):
    """An end with a message and exit code 1."""


@contextmanager
def _server(base_url: str | None, model: str | None, embedded_model: str | None) -> Iterator[Server | None]:
    if embedded_model:
        with embedded(embedded_model, n_slots=EMBEDDED_SLOTS) as server:
            yield server
    else:
        yield connect(base_url, model) if base_url else None


def _tell(folder: Folder, run: Run, as_json: bool, whole: bool = False) -> None:
    found: dict[str, Any] = summary.figures(folder, run)
    if as_json:
        print(json.dumps(found))
        return
    console = Console()
    console.print(summary.rendered(found))
    if whole and "codeio_pp" in found["rows"]:
        console.print(summary.example(folder))
        console.print(f'Load it:  load_dataset("{folder.root}", "codeio_pp")', style="bold")


def main() -> None:
    """Run the command; every known failure ends in one sentence."""
    datasets.disable_progress_bars()
    try:
        app()
    except (SourceError, RunError, InferenceError, SandboxUnavailable, _Failure) as error:
        _end(str(error), 1)
    except WorkerLost as error:
        _end(f"The sandbox failed ({error}). The same command goes on where this one was.", 1)
    except OpenRows as error:
        _end(f"{error} What was answered is kept: run the same command again to ask for the rest.", 3)
    except KeyboardInterrupt:
        _end("Stopped. The same command goes on where this one was.", 130)
    except (OSError, sqlite3.OperationalError) as error:
        if (
            getattr(error, "errno", None) == errno.ENOSPC
            or "No space left" in str(error)
            or "disk is full" in str(error)
        ):
            _end(
                f"The disk is full ({error}). Free some space, then run the same command again: it goes on.",
                1,
            )
        if isinstance(error, PermissionError):
            _end(
                f"No permission: {error}. Choose a folder that you may write to, or mend its permissions.", 1
            )
        raise


def _end(message: str, code: int) -> None:
    Console(stderr=True, soft_wrap=True).print(f"codeio: {message}", markup=False, highlight=False)
    sys.exit(code)
