"""The command `codeio` and how it ends.

Exit codes: 0 done; 1 nothing could be done, and the message says why; 2 a wrong command line; 3 some rows
wait for an answer, and the same command asks again for just those; 130 stopped by hand.
"""

import errno
import json
import signal
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import datasets
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from builders import doctor as checkup
from builders.build import build
from builders.console import AsJson, Failure, SglangPython, error_console, tell
from builders.execution import SandboxUnavailable, WorkerLost
from builders.folder import Folder
from builders.inference import InferenceError, RequestCache, merge
from builders.inference import export as export_answers
from builders.run import Run, RunError
from builders.serving import started
from builders.source_files import SourceError
from builders.stage import OpenRows
from hub.commands import audit, changes, export, publish
from hub.export import ExportError
from hub.publish import PublishError
from hub.versions import VersionError

app = typer.Typer(
    help="From raw code to proven reasoning data, the CodeI/O way.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (build, publish, changes, audit, export):
    app.command()(command)
INTERRUPTED = 130
_KNOWN = (
    *(SourceError, RunError, InferenceError, SandboxUnavailable, Failure),
    *(VersionError, PublishError, ExportError),
)


@app.command()
def status(
    out: Annotated[Path, typer.Argument(help="Output folder of a build.")],
    as_json: AsJson = False,
) -> None:
    """Tell where a run stands: rows, reasons, statuses, time and tokens."""
    run = Run(out)
    if not run.options():
        raise Failure(f"{out} holds no run. Start one with: codeio build SOURCE --out {out}")
    tell(Folder(out), run, as_json)


@app.command()
def serve(
    model: Annotated[str, typer.Argument(help="A folder in the Hugging Face format, or a Hub id.")],
    flags: Annotated[
        list[str] | None, typer.Argument(help="Flags of sglang's own, after --: -- --tp-size 2")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 30000,
    log_file: Annotated[Path, typer.Option("--log", help="File for sglang's output.")] = Path("sglang.log"),
    sglang_python: SglangPython = None,
) -> None:
    """Start a local sglang server, and keep it until Ctrl+C."""
    console = error_console()
    with started(
        model, log_file, console, python=sglang_python, host=host, port=port, flags=flags or ()
    ) as server:
        console.print(f"{server.identity} is served at {server.base_url}; Ctrl+C stops it.", soft_wrap=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            while True:
                signal.pause()
    console.print("Stopped.")


cache_app = typer.Typer(help="Share answers between runs: what one has paid for, others need not.")
app.add_typer(cache_app, name="cache")


@cache_app.command("export")
def cache_export(
    out: Annotated[Path, typer.Argument(help="Output folder of a build.")],
    file: Annotated[Path, typer.Argument(help="Parquet file to write.")],
) -> None:
    """Write all answers of a run to a file."""
    n_answers = export_answers(RequestCache(Run(out).requests), file)
    Console().print(f"{n_answers} answers in {file}", soft_wrap=True)


@cache_app.command("merge")
def cache_merge(
    out: Annotated[Path, typer.Argument(help="Output folder of a build; may be new.")],
    files: Annotated[list[Path], typer.Argument(help="Files that `codeio cache export` wrote.")],
) -> None:
    """Add the answers of such files to a run."""
    cache = RequestCache(Run(out).requests)
    for file in files:
        n_new, n_all = merge(cache, file)
        Console().print(f"{file}: {n_new} of {n_all} answers are new", soft_wrap=True)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at sandbox, engines, Hub login and disk."""
    found = checkup.findings()
    if as_json:
        print(json.dumps({"findings": [vars(finding) for finding in found]}))
    else:
        table = Table("", "", Column("found", overflow="fold"), Column("to mend it", overflow="fold"))
        for finding in found:
            table.add_row(
                "ok" if finding.ok else "--",
                finding.name,
                Text(finding.found),  # no markup: "codeio[sglang]" is meant so
                Text("" if finding.ok else finding.advice),
            )
        Console().print(table)
    if not next(finding.ok for finding in found if finding.name == "sandbox"):
        raise typer.Exit(1)


def main() -> None:
    """Run the command; every known failure ends in one sentence."""
    datasets.disable_progress_bars()
    try:
        app()
    except _KNOWN as error:
        _end(str(error), 1)
    except WorkerLost as error:
        _end(f"The sandbox failed ({error}). The same command goes on where this one was.", 1)
    except OpenRows as error:
        _end(f"{error} What was answered is kept: run the same command again to ask for the rest.", 3)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:  # typer's word for Ctrl+C
            raise
        _end("Stopped. The same command goes on where this one was.", INTERRUPTED)
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
