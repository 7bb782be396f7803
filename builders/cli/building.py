"""A build as the command runs it: its folder, its servers, what is shown of it and what is left at its end.

In: a recipe that nothing speaks against. Out: a folder with tables, and a summary.
Not covered: what the stages do (`pipeline`).
Tested in tests/stories/test_build.py.
"""

from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from builders.build import Build
from builders.cli.console import error_console
from builders.cli.progress import Bars, Lines
from builders.cli.servers import EMBEDDED_SLOTS, served
from builders.cli.summary import tell
from builders.errors import Failure
from builders.inference import Client, RequestCache, Server
from builders.options import Options, Recipe, Serving, part
from builders.pipeline import step_named, steps
from builders.raw_code import corpus
from builders.running.observer import Observer
from builders.running.provenance import provenance
from builders.running.run import Run, remembered
from builders.running.telemetry import Prices
from builders.sources.own_tables import refuse_others
from builders.tables.folder import Folder
from hub.card.card import card


def carry_out(recipe: Recipe, *, asks: bool, retry_failed: bool, as_json: bool) -> None:
    """Run a build, or go on with it; `asks`: a stage that is to run asks a model."""
    assert recipe.out
    console, run, folder = error_console(), Run(recipe.out), Folder(recipe.out)
    options, observer = _options(recipe), _observer(console, as_json)
    serving = part(recipe, Serving) if asks else Serving()
    if options.from_table:
        refuse_others(options.source, options.from_table)  # before anything is started or written
    with (
        run.opened(remembered(options)),
        served(serving, run.home / "logs" / "sglang.log", console) as servers,
    ):
        cache = RequestCache(run.requests)
        if retry_failed:
            with cache.open() as answers:
                console.print(f"{answers.forget_refusals()} refused requests are asked again", style="dim")
        client = _client(recipe, servers, cache)
        if client:
            run.remember({"model": client.identity})
        build = Build(
            options,
            run,
            client,
            workers=recipe.num_proc,
            observer=observer,
            describe=_describe,
            prices=_prices(recipe),
        )
        model = client.identity if client else "none needed"
        console.print(f"sandbox {build.sandbox.tier}; model {model}", style="dim")
        with closing(client) if client else nullcontext(), observer:
            build(step.run for step in steps(options, recipe.until))
    tell(folder, run, as_json, whole=True)
    if not any(len(build.tables[name]) for name in step_named(recipe.until).tables):
        raise Failure(
            "No row came through; the reasons stand above and, with each row, in the table `dropped`."
        )


def _options(recipe: Recipe) -> Options:
    """Return what decides the rows, with our sample by its path."""
    options = part(recipe, Options)
    is_sample = options.source == "corpus" and not Path(options.source).exists()
    return replace(options, source=str(corpus())) if is_sample else options


def _observer(console: Console, as_json: bool) -> Observer:
    if as_json:
        return Observer()
    return Bars(console) if console.is_terminal else Lines(console)


def _client(recipe: Recipe, servers: list[Server], cache: RequestCache) -> Client | None:
    if not servers:
        return None
    return Client(
        servers,
        cache,
        concurrency=EMBEDDED_SLOTS if recipe.embedded else recipe.concurrency,
        timeout_s=recipe.timeout_s,
        patience_s=recipe.patience_s,
        options={"chat_template_kwargs": recipe.chat_template} if recipe.chat_template else {},
    )


def _prices(recipe: Recipe) -> Prices | None:
    if recipe.price_in is None and recipe.price_out is None:
        return None
    return Prices(recipe.price_in or 0.0, recipe.price_out or 0.0)


def _describe(folder: Folder) -> None:
    """Write the card, which tells what is there."""
    folder.write_readme(card(folder, provenance(folder.root), str(folder.root)))
