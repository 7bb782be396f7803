"""Command-line flags, made from options.

In: options. Out: a typer parameter for each, and the values that the command line gives them. In the help,
common options come first; the others are grouped by stage.
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
    """Return a decorator that gives a command with `**values` one flag for each option, before its own."""

    def decorate(command: Command) -> Command:
        parameters = inspect.signature(command).parameters.values()
        arguments = [
            parameter for parameter in parameters if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD
        ]
        own_flags = [parameter for parameter in parameters if parameter.kind is Parameter.KEYWORD_ONLY]
        flags = [_parameter(option) for option in sorted(options, key=lambda option: not option.is_common)]
        # `inspect` and typer read this attribute, which the type of functions does not have.
        command.__signature__ = inspect.Signature([*arguments, *flags, *own_flags])  # type: ignore[attr-defined]
        return command

    return decorate


def given(context: typer.Context, options: Iterable[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the user gave, not the defaults, in recipe form; raises typer.BadParameter."""
    sources = {option.name: context.get_parameter_source(option.name) for option in options}
    return {
        option.name: _read(option, values[option.name])
        for option in options
        if (source := sources[option.name]) and source.name != "DEFAULT"
    }


def _parameter(option: Option) -> Parameter:
    """Return the parameter of a command for an option, annotated for typer."""
    flag = f"{option.flag}/--no-{option.flag[2:]}" if option.kind is bool else option.flag
    flag_details = typer.Option(
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
    return Parameter(
        option.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, flag_details]
    )


def _kind(option: Option) -> Any:
    """Return the type in which the command line gives the option: JSON as text, a file as its path."""
    if option.from_file:
        return Path
    kinds: dict[type, Any] = {dict: str, tuple: list[str]}
    return kinds.get(option.kind, option.kind)


def _panel(section: str) -> str:
    """Return the heading in the help for the options of a section."""
    return f"Stage {section}" if section in STAGES else section.capitalize() or "Whole build"


def _read(option: Option, value: Any) -> Any:
    """Return the value, after parsing JSON or reading the file that the flag names."""
    if option.kind is dict:
        return _json_object(option, value)
    if not option.from_file:
        return value
    try:
        return value.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{value} cannot be read: {error}", param_hint=option.flag) from None


def _json_object(option: Option, text: str) -> dict[str, Any]:
    """Parse a JSON object; raises typer.BadParameter."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise typer.BadParameter(
            'give a JSON object, such as {"enable_thinking": false}', param_hint=option.flag
        )
    return value
