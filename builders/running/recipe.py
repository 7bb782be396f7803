"""A build in a file: all its options, or any part of them, as YAML.

In: a file. Out: its values and where each stands; or, of options, the text of such a file. What belongs to
the whole run stands at the top, all else below the name of its stage.

Not covered: which options go together (`options.Recipe`), and flags, which win over a recipe (`cli.build`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from builders.errors import CodeioError
from builders.options import Option, OptionError, Options, Recipe, Serving, declared, sections
from builders.running.run import Run

SUFFIXES = (".yaml", ".yml")
Nested = dict[str, Any]
_BELOW = {name: {option.name: option for option in own} for name, own in sections().items() if own}


class RecipeError(CodeioError):
    """A recipe cannot be used; the message says where, why and what to write instead."""

    exit_code = 2


@dataclass
class Written:
    """Values by the names of their options, and the place of each."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def under(self, flags: Mapping[str, Any]) -> "Written":
        """Return what holds beside these values, which win; one kind of server wins over the others."""
        others = Serving.KINDS if set(Serving.KINDS) & flags.keys() else ()
        lost = {*flags, *others}
        return Written(
            {**{name: value for name, value in self.values.items() if name not in lost}, **flags},
            {name: place for name, place in self.places.items() if name not in lost},
        )


def is_recipe(source: str) -> bool:
    """Return whether a SOURCE is to be read as a recipe."""
    return source.endswith(SUFFIXES) and not Path(source).is_dir()


def read(file: Path) -> Written:
    """Read a recipe and check each of its values; raises RecipeError."""
    return _Reader(file).read()


def text(nested: Nested) -> str:
    """Return the file that holds these options."""
    return str(yaml.dump(nested, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def of(recipe: Recipe) -> Nested:
    """Return a build's options as a recipe has them: all that decide a row, of the others what was given."""
    values = {
        name: getattr(recipe, name)
        for name, option in declared(Recipe).items()
        if name in declared(Options) or getattr(recipe, name) != option.default
    }
    return _nested(values)


def of_run(run: Run) -> Nested:
    """Return the options that a folder was made with as a recipe has them; servers are not among them."""
    known = run.options()
    values = {name: known[name] for name in declared(Options) if name in known}
    return _nested({**values, "out": run.out})


def _nested(values: Mapping[str, Any]) -> Nested:
    found: Nested = {}
    for section, options in _BELOW.items():
        own = {name: _plain(values[name]) for name in options if name in values}
        if section == "":
            found.update(own)
        elif own:
            found[section] = own
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml ships no types
    """Writes texts of several lines as such."""


def _lines(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _lines)


class _Reader:
    """One file as it is read: what it says so far, and where."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.written = Written()

    def read(self) -> Written:
        try:
            self.loader = yaml.SafeLoader(self.file.read_text(encoding="utf-8"))
            root = self.loader.get_single_node()
            if root is not None:
                self._refuse_twice(root)
                self._section("", root)
        except (OSError, UnicodeDecodeError, RecursionError, yaml.reader.ReaderError) as error:
            raise RecipeError(f"{self.file} cannot be read: {error}") from None
        except yaml.MarkedYAMLError as error:
            problem = ", ".join(filter(None, (error.context, error.problem)))
            raise self._error(error.problem_mark, problem) from None
        return self.written

    def _refuse_twice(self, node: yaml.Node, above: tuple[yaml.Node, ...] = ()) -> None:
        """Raise RecipeError where a mapping has a key twice, of which YAML would take the second."""
        if node in above:
            raise self._error(node.start_mark, "a value cannot hold itself")
        if isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                mark = key.start_mark
                if not isinstance(key, yaml.ScalarNode):
                    raise self._error(mark, "a key must be text")
                if key.value in lines:
                    raise self._error(mark, f"{key.value} stands in line {lines[key.value]} already")
                lines[key.value] = mark.line + 1
                self._refuse_twice(value, (*above, node))
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._refuse_twice(item, (*above, node))

    def _section(self, section: str, node: yaml.Node) -> None:
        """Read the keys of a section; those at the top may be sections themselves."""
        options = _BELOW[section]
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return  # all its keys are commented out
        if not isinstance(node, yaml.MappingNode):
            name, example = section or "a recipe", next(iter(options))
            raise self._error(node.start_mark, f"{name} holds keys and values, such as {example}: ...")
        for key, value in node.value:
            name = key.value
            if name in options:
                self._value(options[name], value)
                self.written.places[name] = self._place(key.start_mark)
            elif section == "" and name in _BELOW:
                self._section(name, value)
            else:
                raise self._error(key.start_mark, _unknown(name, section))

    def _value(self, option: Option, node: yaml.Node) -> None:
        value = self.loader.construct_object(node, deep=True)
        try:
            _refuse_other_number(option, node, value)
            self.written.values[option.name] = option.checked(value)
        except OptionError as error:
            raise self._error(node.start_mark, str(error)) from None

    def _error(self, mark: yaml.Mark | None, problem: str) -> RecipeError:
        return RecipeError(f"{self._place(mark)}: {problem}.")

    def _place(self, mark: yaml.Mark | None) -> str:
        return f"{self.file}, line {mark.line + 1}" if mark else str(self.file)


def _refuse_other_number(option: Option, node: yaml.Node, value: Any) -> None:
    """Raise OptionError for a number that YAML reads in its own way: 010 as 8, 1:30 as 90."""
    if type(value) not in (int, float) or option.kind not in (int, float) or not isfinite(value):
        return
    try:
        is_same = float(node.value) == value
    except ValueError:
        is_same = False
    if not is_same:
        raise OptionError(option.name, f"is {node.value} here, which YAML reads as {value}: write {value}")


def _unknown(name: str, section: str) -> str:
    """Say that there is no such key, and which one may be meant: here, or in another section."""
    places = {alias: place for place in (*_BELOW, section) for alias in _aliases(place)}
    here = f"there is no key {name!r} {_at(section)}"
    if close := get_close_matches(name, places, n=1):
        place = places[close[0]]
        where = "" if place == section else f" {_at(place)}"
        return f"{here}; did you mean {_aliases(place)[close[0]]!r}{where}?"
    return f"{here}; the keys here are {', '.join(dict.fromkeys(_aliases(section).values()))}"


def _aliases(section: str) -> dict[str, str]:
    """Return the keys of a section by all names that a user may think of, flags included."""
    found = {option.flag.lstrip("-"): name for name, option in _BELOW[section].items()}
    found |= {name: name for name in _BELOW[section]}
    return found | ({name: name for name in _BELOW if name} if section == "" else {})


def _at(section: str) -> str:
    return f"in {section}" if section else "at the top"
