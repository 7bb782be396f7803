"""The command `codeio build`: its options, refused where they cannot work before anything begins."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from builders import raw_code
from builders.cli.console import AsJson, Failure, SglangPython, error_console, tell
from builders.cli.progress import Bars, Lines
from builders.cli.servers import EMBEDDED_SLOTS, Choice, served
from builders.inference import Client, RequestCache
from builders.inference.asking.client import CONCURRENCY, PATIENCE_S, TIMEOUT_S
from builders.pipeline import FIRST_STAGE, NEED_MODEL, STAGES, Build, made_by
from builders.running.observer import Observer
from builders.running.options import Options, Sampling, deciding
from builders.running.provenance import facts
from builders.running.run import Run
from builders.running.telemetry import Prices
from builders.sources import own_tables
from builders.tables.folder import Folder
from hub.card.card import card


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
        str | None, typer.Option(help="Licence of files or functions that name none themselves.")
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
    if from_table:
        own_tables.refuse_others(source, from_table)  # before anything is started or written
    prices = None if price_in is None and price_out is None else Prices(price_in or 0.0, price_out or 0.0)
    console = error_console()
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
        made = Build(
            options, run, client, workers=num_proc, observer=observer, describe=_describe, prices=prices
        )
        console.print(
            f"sandbox {made.sandbox.tier}; model {client.identity if client else 'none needed'}", style="dim"
        )
        try:
            with observer:
                made(until)
        finally:
            if client:
                client.close()
    tell(folder, run, as_json, whole=True)
    if not any(len(made.tables[name]) for name in made_by(until)):
        raise Failure(
            "No row came through; the reasons stand above and, with each row, in the table `dropped`."
        )


def _describe(folder: Folder) -> None:
    """Write the card, which tells what is there."""
    folder.write_readme(card(folder, facts(folder.root), str(folder.root)))


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
