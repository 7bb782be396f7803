"""`codeio build`: its options, refused where they cannot work before anything begins.

Tested in tests/stories/test_build.py.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from builders.cli.console import AsJson
from builders.cli.flags import given, with_flags
from builders.options import OptionError, Recipe, Serving, declared, sections

_SOURCE = declared(Recipe)["source"]
_FLAGS = [option for own in sections().values() for option in own if option is not _SOURCE]
_SERVERS = "--base-url/--sglang/--embedded"


@with_flags(_FLAGS)
def build(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help=_SOURCE.help)],
    *,
    print_recipe: Annotated[
        bool, typer.Option("--print-recipe", help="Print a recipe of this build, and build nothing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again what the server refused for good.")
    ] = False,
    as_json: AsJson = False,
    **values: Any,
) -> None:
    """Run the pipeline: raw code to training set, or any part of it."""
    from builders.pipeline import steps
    from builders.running import recipe as recipes

    written = recipes.read(Path(source)) if recipes.is_recipe(source) else recipes.Written({"source": source})
    told = written.under(given(context, _FLAGS, values))
    with _blamed(told.places):
        recipe = Recipe.of(told.values)
        todo = steps(recipe, recipe.until)
        if print_recipe:
            print(recipes.text(recipes.of(recipe)), end="")
            return
        if recipe.out is None:
            raise OptionError("out", "name a folder to write")
    asking = next((step.name for step in todo if step.asks_model), None)
    _refuse_servers(recipe, asking)
    from builders.cli.building import carry_out

    carry_out(recipe, asks=asking is not None, retry_failed=retry_failed, as_json=as_json)


@contextmanager
def _blamed(places: Mapping[str, str]) -> Iterator[None]:
    """Make an error of an option one of the command line, by its flag or its place in a recipe."""
    try:
        yield
    except OptionError as error:
        flag = declared(Recipe)[error.name].flag
        hint = f"{places[error.name]} ({error.name})" if error.name in places else flag
        raise typer.BadParameter(error.problem, param_hint=hint) from None


def _refuse_servers(serving: Serving, asking: str | None) -> None:
    """Raise typer.BadParameter where more than one kind of server is given, or none is and a stage asks."""
    if serving.n_kinds > 1:
        raise typer.BadParameter("give servers, an sglang model or an embedded one", param_hint=_SERVERS)
    if asking and not serving.n_kinds:
        advice = "name a server with --base-url, or use --embedded qwen2.5-coder-1.5b"
        raise typer.BadParameter(f"{asking} asks a model: {advice}", param_hint=_SERVERS)
