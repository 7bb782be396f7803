"""Running a build from the command line: open its folder, start its servers, show progress and a summary.

In: a valid recipe. Out: a folder with tables, and a summary.
Not covered: what the stages do (`build`).
Tested in tests/stories/test_build.py.
"""

import gc
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from builders.build import Build
from builders.cli.console import error_console
from builders.cli.progress import Bars, Lines
from builders.cli.servers import EMBEDDED_SLOTS, served
from builders.cli.summary import print_summary
from builders.errors import Failure
from builders.inference import Client, RequestCache, Server
from builders.options import Options, Recipe, ServerOptions, part
from builders.pipeline import step_named, steps
from builders.raw_code import corpus
from builders.running.observer import Observer
from builders.running.provenance import provenance
from builders.running.run import Run, json_options
from builders.running.telemetry import Prices
from builders.sources.own_tables import check_compatible
from builders.tables.folder import Folder
from hub.card.card import card


def run_build(recipe: Recipe, *, asks: bool, retry_failed: bool, as_json: bool) -> None:
    """Run or continue a build; `asks` says that one of its stages asks a model."""
    assert recipe.out
    gc.freeze()  # what was imported stays: searching it for cycles takes 5 % of a small build's time
    console, run, folder = error_console(), Run(recipe.out), Folder(recipe.out)
    options, observer = _options(recipe), _observer(console, as_json)
    serving = part(recipe, ServerOptions) if asks else ServerOptions()
    if options.from_table:
        check_compatible(options.source, options.from_table)  # raises before anything is started or written
    with (
        run.opened(json_options(options)),
        served(serving, run.home / "logs" / "sglang.log", console) as servers,
    ):
        cache = RequestCache(run.requests)
        if retry_failed:
            with cache.open() as answers:
                console.print(f"{answers.forget_refusals()} refused requests will be sent again", style="dim")
        client = _client(recipe, servers, cache)
        if client:
            run.save_options({"model": client.identity})
        build = Build(
            options,
            run,
            client,
            workers=recipe.num_proc,
            observer=observer,
            describe=_describe,
            prices=_prices(recipe),
        )
        model = client.identity if client else "not needed"
        console.print(f"sandbox {build.sandbox.tier}; model {model}", style="dim")
        with closing(client) if client else nullcontext(), observer:
            build.run_steps(step.run for step in steps(options, recipe.until))
    print_summary(folder, run, as_json, with_example=True)
    if not any(len(build.tables[name]) for name in step_named(recipe.until).tables):
        raise Failure(
            "The last stage made no rows: see the reasons above, and for each row the table `dropped`."
        )


def _options(recipe: Recipe) -> Options:
    """Return the options that decide the rows; SOURCE `corpus` becomes the path of the sample corpus."""
    options = part(recipe, Options)
    is_sample = options.source == "corpus" and not Path(options.source).exists()
    return replace(options, source=str(corpus())) if is_sample else options


def _observer(console: Console, as_json: bool) -> Observer:
    """Return what shows progress: bars in a terminal, lines in a log or pipe, nothing beside JSON."""
    if as_json:
        return Observer()
    return Bars(console) if console.is_terminal else Lines(console)


def _client(recipe: Recipe, servers: list[Server], cache: RequestCache) -> Client | None:
    """Return a client of the servers, or None if there are none."""
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
    """Return the prices, or None if neither is given; one that is not given is 0."""
    if recipe.price_in is None and recipe.price_out is None:
        return None
    return Prices(recipe.price_in or 0.0, recipe.price_out or 0.0)


def _describe(folder: Folder) -> None:
    """Write the dataset card of a folder."""
    folder.write_readme(card(folder, provenance(folder.root), str(folder.root)))
