"""The definition of an option: a dataclass field that carries its own type, bounds, flag and help text.

In: a frozen dataclass whose fields are made by `option`; each of its classes has a `section`. Out: its
`Option`s by name, and values checked against them.
"""

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from inspect import get_annotations
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from builders.errors import CodeioError

T = TypeVar("T")
Growth = Callable[[Any, Any], bool]
"""A function that returns whether a build made with the first value can continue with the second."""
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    tuple: "a list of strings",
    dict: "an object of JSON values",
}


class OptionError(CodeioError):
    """An error for a value that an option does not accept: the option's name, and the problem."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)  # both in args, so that pickling keeps them
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option: its place in a recipe (`section` and `name`), its flag, and the values that it accepts.

    Attributes:
        kind: The type of its values.
        envvar: The environment variable that sets it, too.
        grows: Decides whether a build can continue with a changed value; None if it never can.
        is_common: Whether `--help` shows it first, and not in the panel of its section.
        from_file: Whether the flag takes the path of a file whose text is the value.
    """

    name: str
    section: str
    kind: type
    may_be_none: bool
    default: Any
    help: str
    flag: str
    metavar: str | None = None
    envvar: str | None = None
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    grows: Growth | None = None
    is_common: bool = False
    from_file: bool = False

    def checked(self, value: object) -> Any:
        """Return the value, converted to the option's type. Raises OptionError if it is not accepted.

        A number that equals the default becomes the default, so that 5.0 and 5 give one identity and one
        text on a card.
        """
        if value is None and self.may_be_none:
            return None
        typed = self._typed(value)
        if typed is None:
            raise OptionError(
                self.name, f"must be {_KINDS[self.kind]}, not {_shown(value)}{self._advice(value)}"
            )
        if self.choices and typed not in self.choices:
            raise OptionError(self.name, f"choose one of {', '.join(self.choices)}")
        if (self.min is not None and typed < self.min) or (self.max is not None and typed > self.max):
            raise OptionError(self.name, f"must be {self._range()}, not {typed}")
        return self.default if typed == self.default else typed

    def as_arguments(self, value: Any) -> list[str]:
        """Return the command-line arguments that set this value; FILE stands for a file with its text."""
        if self.kind is bool:
            return [self.flag if value else f"--no-{self.flag[2:]}"]
        if self.from_file:
            return [self.flag, "FILE"]
        return [self.flag, json.dumps(value) if self.kind is dict else str(value)]

    def _typed(self, value: Any) -> Any:
        """Return the value as the option's type, None if it has a different type; a bool is not a number."""
        if self.kind is tuple:
            is_list = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
            return tuple(value) if is_list else None
        if self.kind is dict:
            return value if isinstance(value, dict) and _is_json(value) else None
        if self.kind is Path:
            return Path(value) if isinstance(value, str | Path) else None
        if self.kind is float:
            return float(value) if type(value) in (int, float) and _is_finite(value) else None
        return value if type(value) is self.kind else None

    def _advice(self, value: object) -> str:
        if self.kind in (str, Path) and not isinstance(value, list | dict | NoneType):
            return "; put it in quotes"
        return "; write [TEXT, TEXT]" if self.kind is tuple and isinstance(value, str) else ""

    def _range(self) -> str:
        if self.min is not None and self.max is not None:
            return f"between {self.min} and {self.max}"
        return f"{self.max} or less" if self.min is None else f"{self.min} or more"


def option(
    default: Any,
    help: str,
    *,
    flag: str | None = None,
    metavar: str | None = None,
    envvar: str | None = None,
    min: float | None = None,
    max: float | None = None,
    choices: tuple[str, ...] = (),
    grows: Growth | None = None,
    is_common: bool = False,
    from_file: bool = False,
) -> Any:
    """Declare a field of an options dataclass; see `Option` for the arguments.

    A default of `...` makes the option required. The default flag is made of the field's name.
    """
    facts = {name: fact for name, fact in locals().items() if name != "default"}
    return field(default=MISSING if default is ... else default, metadata=facts)


@cache
def declared(kind: type) -> dict[str, Option]:
    """Return the options of a dataclass by name, each with the section of the class that declares it."""
    hints, kind_fields = get_type_hints(kind), {field.name: field for field in fields(kind)}
    options: dict[str, Option] = {}
    for owner in kind.__mro__:
        for name in get_annotations(owner):
            if name not in kind_fields or name in options:  # a class variable, or already declared
                continue
            facts, default = dict(kind_fields[name].metadata), kind_fields[name].default
            facts["flag"] = facts["flag"] or f"--{name.replace('_', '-')}"
            value_type, may_be_none = _type_of(hints[name])
            options[name] = Option(
                name=name,
                section=vars(owner)["section"],
                kind=value_type,
                may_be_none=may_be_none,
                default=None if default is MISSING else default,
                **facts,
            )
    return options


def part(options: object, kind: type[T]) -> T:
    """Return an instance of `kind`, its fields copied from `options`, which has them all."""
    return kind(**{name: getattr(options, name) for name in declared(cast(type, kind))})


def _type_of(hint: Any) -> tuple[type, bool]:
    may_be_none = NoneType in get_args(hint)
    (kind,) = (arg for arg in get_args(hint) if arg is not NoneType) if may_be_none else (hint,)
    return get_origin(kind) or kind, may_be_none


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError, RecursionError):
        return False


def _shown(value: object) -> str:
    """Return a value as a recipe would write it, shortened to 60 characters."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
