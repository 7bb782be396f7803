"""The command `codeio`: reads options, refuses bad ones before any work, and tells how it went.

Exit codes: 0 done; 1 nothing could be done, and the message says why; 2 a wrong command line; 3 some rows
wait for an answer, and the same command asks again for just those; 130 stopped by hand.
"""

import errno
import json
import logging
import signal
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import datasets
import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Column, Table
from rich.text import Text

from builders import doctor as checkup
from builders import raw_code, summary
from builders.execution import SandboxUnavailable, WorkerLost
from builders.folder import Folder
from builders.inference import Client, InferenceError, RequestCache, export, merge
from builders.inference.client import CONCURRENCY, PATIENCE_S, TIMEOUT_S
from builders.pipeline import FIRST_STAGE, NEED_MODEL, STAGES, Build, Observer, Options, deciding, made_by
from builders.progress import Bars, Lines
from builders.responses import Sampling
from builders.run import Run, RunError
from builders.serving import EMBEDDED_SLOTS, Choice, served, started
from builders.source_files import SourceError
from builders.stage import OpenRows
from builders.telemetry import Prices

app = typer.Typer(
    help="From raw code to proven reasoning data, the CodeI/O way.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
SglangPython = Annotated[
    Path | None,
    typer.Option(
        envvar="CODEIO_SGLANG_PYTHON", help="Interpreter of an environment with sglang, if not this one."
    ),
]
INTERRUPTED = 130
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
    base_url: Annotated[
        list[str] | None,
        typer.Option(help="An OpenAI-compatible server, such as sglang; may be given more than once."),
    ] = None,
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
    sglang_model: Annotated[
        str | None,
        typer.Option("--sglang", metavar="MODEL", help="Start a local sglang with this folder or Hub id."),
    ] = None,
    sglang_python: SglangPython = None,
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
    truncated_tokens: Annotated[
        int | None, typer.Option(min=17, help="Ask again with this limit where an answer was cut off.")
    ] = None,
    system_prompt: Annotated[
        Path | None, typer.Option(help="File with a system message to send instead of ours.")
    ] = None,
    chat_template: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Options of the chat template: '{\"enable_thinking\": false}'."),
    ] = None,
    keep_reasoning: Annotated[
        bool,
        typer.Option("--keep-reasoning", help="Keep a reasoning model's thoughts in the training text."),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again what the server refused for good.")
    ] = False,
    license: Annotated[
        str | None, typer.Option(help="Licence of source files that name none themselves.")
    ] = None,
    content_column: Annotated[str, typer.Option(help="Column of a table that holds the code.")] = "content",
    path_column: Annotated[str, typer.Option(help="Column with the path.")] = "path",
    license_column: Annotated[str, typer.Option(help="Column with the licence.")] = "license",
    num_proc: Annotated[int, typer.Option(min=1, help="Sandbox workers.")] = 2,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Most requests in flight at a server; what it bears is found out.")
    ] = CONCURRENCY,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds until a request is tried again.")
    ] = TIMEOUT_S,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to wait when all servers are gone.")
    ] = PATIENCE_S,
    price_in: Annotated[
        float | None, typer.Option(min=0, help="Price of a million prompt tokens, to tell the cost.")
    ] = None,
    price_out: Annotated[float | None, typer.Option(min=0, help="Price of a million answer tokens.")] = None,
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
    choice = Choice(tuple(base_url or ()), model, embedded_model, sglang_model, sglang_python)
    where = "--base-url/--sglang/--embedded"
    if choice.n_kinds > 1:
        raise typer.BadParameter("give servers, an sglang model or an embedded one", param_hint=where)
    asks = [stage for stage in stages if stage in NEED_MODEL and not (stage == "revisions" and turns == 0)]
    if asks and not choice.n_kinds:
        raise typer.BadParameter(
            f"{asks[0]} asks a model: name a server with --base-url, or use --embedded qwen2.5-coder-1.5b",
            param_hint=where,
        )
    if truncated_tokens is not None and truncated_tokens <= max_tokens:
        raise typer.BadParameter("is not above --max-tokens", param_hint="--truncated-tokens")
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
        chat_template=_chat_template(chat_template),
        keep_reasoning=keep_reasoning,
        sampling=Sampling(temperature, top_p, max_tokens, seed, truncated_tokens, _text(system_prompt)),
    )
    prices = None if price_in is None and price_out is None else Prices(price_in or 0.0, price_out or 0.0)
    console = _console()
    run, folder = Run(out), Folder(out)
    with (
        run.opened(deciding(options)),
        served(choice if asks else Choice(), run.home / "logs" / "sglang.log", console) as servers,
    ):
        cache = RequestCache(run.requests)
        if retry_failed:
            with cache.open() as answers:
                console.print(f"{answers.forget_refusals()} refused requests are asked again", style="dim")
        client = None
        if servers:
            run.remember({"model": servers[0].identity})
            client = Client(
                servers,
                cache,
                concurrency=EMBEDDED_SLOTS if embedded_model else concurrency,
                timeout_s=timeout,
                patience_s=patience,
                options={"chat_template_kwargs": options.chat_template} if options.chat_template else {},
            )
        observer = Observer() if as_json else Bars(console) if console.is_terminal else Lines(console)
        made = Build(options, run, client, workers=num_proc, observer=observer, prices=prices)
        console.print(
            f"sandbox {made.sandbox.tier}; model {client.identity if client else 'none needed'}", style="dim"
        )
        try:
            with observer:
                made(until)
        finally:
            if client:
                client.close()
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
    console = _console()
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
    n_answers = export(RequestCache(Run(out).requests), file)
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


class _Failure(Exception):
    """An end with a message and exit code 1."""


def _text(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}", param_hint="--system-prompt") from None


def _chat_template(given: str | None) -> dict[str, Any] | None:
    if given is None:
        return None
    try:
        options = json.loads(given)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise typer.BadParameter(
            'is no JSON object such as {"enable_thinking": false}', param_hint="--chat-template"
        )
    return options


def _console() -> Console:
    """Where progress goes, and what inference has to say meanwhile (a server that is gone, or back)."""
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False, show_level=False, markup=False)
    logging.getLogger("codeio").addHandler(handler)
    return console


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
