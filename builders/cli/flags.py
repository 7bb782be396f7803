"""Flags of a command, made from options.

In: options. Out: a parameter of typer's for each, and the values that a command line gives them. Options that
most people need stand first in the help, the others below their stages.
"""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from builders.options import STAGES, Option

Command = TypeVar("Command", bound=Callable[..., None])


def with_flags(options: Iterable[Option]) -> Callable[[Command], Command]:
    """Give a command that takes `**values` a flag for each option, before those of its own."""

    def decorate(command: Command) -> Command:
        own = inspect.signature(command).parameters.values()
        first = [one for one in own if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
        last = [one for one in own if one.kind is Parameter.KEYWORD_ONLY]
        flags = [_parameter(option) for option in sorted(options, key=lambda option: not option.is_common)]
        command.__signature__ = inspect.Signature([*first, *flags, *last])  # type: ignore[attr-defined]
        return command

    return decorate


def given(context: typer.Context, options: Iterable[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those values that are no defaults, in the form of a recipe; raises typer.BadParameter."""
    sources = {option.name: context.get_parameter_source(option.name) for option in options}
    return {
        option.name: _read(option, values[option.name])
        for option in options
        if (source := sources[option.name]) and source.name != "DEFAULT"
    }


def _parameter(option: Option) -> Parameter:
    flag = f"{option.flag}/--no-{option.flag[2:]}" if option.kind is bool else option.flag
    told = typer.Option(
        flag,
        help=option.help,
        metavar=option.metavar,
        envvar=option.envvar,
        min=option.min,
        max=option.max,
        rich_help_panel=None if option.is_common else _panel(option.section),
    )
    default = None if option.default in (None, ()) else option.default
    kind: Any = _kind(option) if default is not None else _kind(option) | None
    return Parameter(option.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, told])


def _kind(option: Option) -> Any:
    """Return the type that a command line gives the option in."""
    if option.from_file:
        return Path
    forms: dict[type, Any] = {dict: str, tuple: list[str]}
    return forms.get(option.kind, option.kind)


def _panel(section: str) -> str:
    return f"Stage {section}" if section in STAGES else section.capitalize() or "Whole build"


def _read(option: Option, value: Any) -> Any:
    """Read what the command line has in another form: JSON, or a file."""
    if option.kind is dict:
        return _object(option, value)
    if not option.from_file:
        return value
    try:
        return value.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{value} cannot be read: {error}", param_hint=option.flag) from None


def _object(option: Option, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise typer.BadParameter(
            'is no JSON object such as {"enable_thinking": false}', param_hint=option.flag
        )
    return value
