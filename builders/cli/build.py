"""`codeio build`: read its options, and reject wrong ones before anything starts.

Tested in tests/stories/test_build.py.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from builders.cli.console import AsJson
from builders.cli.flags import given, with_flags
from builders.options import OptionError, Recipe, ServerOptions, declared, sections

_SOURCE = declared(Recipe)["source"]
_FLAGS = [option for section in sections().values() for option in section if option is not _SOURCE]
_SERVERS = "--base-url/--sglang/--embedded"


@with_flags(_FLAGS)
def build(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help=_SOURCE.help)],
    *,
    print_recipe: Annotated[
        bool, typer.Option("--print-recipe", help="Print these options as a YAML recipe; build nothing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Send again the requests that the server refused for good.")
    ] = False,
    as_json: AsJson = False,
    **values: Any,
) -> None:
    """Build a dataset: run the pipeline from raw code to training set, or part of it."""
    from builders.pipeline import steps
    from builders.running import recipe as recipes

    written = (
        recipes.read(Path(source)) if recipes.is_recipe(source) else recipes.RecipeValues({"source": source})
    )
    chosen = written.overridden_by(given(context, _FLAGS, values))
    with _usage_errors(chosen.places):
        recipe = Recipe.from_values(chosen.values)
        todo = steps(recipe, recipe.until)
        if print_recipe:
            print(recipes.to_yaml(recipes.from_options(recipe)), end="")
            return
        if recipe.out is None:
            raise OptionError("out", "give an output folder")
    asking_stage = next((step.name for step in todo if step.asks_model), None)
    _check_servers(recipe, asking_stage)
    from builders.cli.building import run_build

    run_build(recipe, asks=asking_stage is not None, retry_failed=retry_failed, as_json=as_json)


@contextmanager
def _usage_errors(places: Mapping[str, str]) -> Iterator[None]:
    """Turn an OptionError into a usage error that names the flag, or the option's place in a recipe."""
    try:
        yield
    except OptionError as error:
        flag = declared(Recipe)[error.name].flag
        hint = f"{places[error.name]} ({error.name})" if error.name in places else flag
        raise typer.BadParameter(error.problem, param_hint=hint) from None


def _check_servers(serving: ServerOptions, asking_stage: str | None) -> None:
    """Raise typer.BadParameter if several kinds of servers are given, or none although a stage needs one."""
    if serving.n_kinds > 1:
        raise typer.BadParameter("give only one of the three", param_hint=_SERVERS)
    if asking_stage and not serving.n_kinds:
        advice = "give a server with --base-url, or use --embedded qwen2.5-coder-1.5b"
        raise typer.BadParameter(f"the stage {asking_stage} asks a model: {advice}", param_hint=_SERVERS)
