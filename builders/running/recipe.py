"""Recipes: YAML files with some or all options of a build.

In: a file. Out: its values, and the line of each; also the text of a recipe for given options. Options of the
whole build are at the top level, all others under the name of their section, such as a stage.

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
from builders.options import Option, OptionError, Options, Recipe, ServerOptions, declared, sections
from builders.running.run import Run

SUFFIXES = (".yaml", ".yml")
NestedOptions = dict[str, Any]
_SECTIONS = {
    name: {option.name: option for option in options} for name, options in sections().items() if options
}


class RecipeError(CodeioError):
    """An error in a recipe; the message says where, why, and what to write instead."""

    exit_code = 2


@dataclass
class RecipeValues:
    """The values that a recipe sets, and the file and line of each, both by the name of the option."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def overridden_by(self, flags: Mapping[str, Any]) -> "RecipeValues":
        """Return these values overridden by flags; a flag for one kind of server removes other kinds."""
        server_kinds = ServerOptions.KINDS if set(ServerOptions.KINDS) & flags.keys() else ()
        overridden = {*flags, *server_kinds}
        return RecipeValues(
            {**{name: value for name, value in self.values.items() if name not in overridden}, **flags},
            {name: place for name, place in self.places.items() if name not in overridden},
        )


def is_recipe(source: str) -> bool:
    """Return whether a SOURCE is a recipe: its name ends like a YAML file, and it is not a folder."""
    return source.endswith(SUFFIXES) and not Path(source).is_dir()


def read(file: Path) -> RecipeValues:
    """Read a recipe and check each of its values; raises RecipeError."""
    return _Reader(file).read()


def to_yaml(nested: NestedOptions) -> str:
    """Return the text of a recipe with these options."""
    return str(yaml.dump(nested, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def from_options(recipe: Recipe) -> NestedOptions:
    """Return the options as in a recipe: those that decide rows, and others that are not the default."""
    values = {
        name: getattr(recipe, name)
        for name, option in declared(Recipe).items()
        if name in declared(Options) or getattr(recipe, name) != option.default
    }
    return _by_section(values)


def from_run(run: Run) -> NestedOptions:
    """Return the options that a folder was made with, as in a recipe without servers."""
    options = run.options()
    values = {name: options[name] for name in declared(Options) if name in options}
    return _by_section({**values, "out": run.out})


def _by_section(values: Mapping[str, Any]) -> NestedOptions:
    nested: NestedOptions = {}
    for section, options in _SECTIONS.items():
        plain_values = {name: _yaml_value(values[name]) for name in options if name in values}
        if section == "":
            nested.update(plain_values)
        elif plain_values:
            nested[section] = plain_values
    return nested


def _yaml_value(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml ships no types
    """A YAML dumper that writes multi-line strings over several lines."""


def _string_node(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _string_node)


class _Reader:
    """A reader of one recipe, with the values that it has read so far."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.result = RecipeValues()

    def read(self) -> RecipeValues:
        try:
            self.loader = yaml.SafeLoader(self.file.read_text(encoding="utf-8"))
            root = self.loader.get_single_node()
            if root is not None:
                self._refuse_duplicates(root)
                self._section("", root)
        except (OSError, UnicodeDecodeError, RecursionError, yaml.reader.ReaderError) as error:
            raise RecipeError(f"{self.file} cannot be read: {error}") from None
        except yaml.MarkedYAMLError as error:
            problem = ", ".join(filter(None, (error.context, error.problem)))
            raise self._error(error.problem_mark, problem) from None
        return self.result

    def _refuse_duplicates(self, node: yaml.Node, above: tuple[yaml.Node, ...] = ()) -> None:
        """Raise RecipeError if a mapping has a duplicate key: YAML would silently take the second."""
        if node in above:
            raise self._error(node.start_mark, "a value cannot hold itself")
        if isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                mark = key.start_mark
                if not isinstance(key, yaml.ScalarNode):
                    raise self._error(mark, "a key must be text")
                if key.value in lines:
                    raise self._error(mark, f"{key.value} is already given in line {lines[key.value]}")
                lines[key.value] = mark.line + 1
                self._refuse_duplicates(value, (*above, node))
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._refuse_duplicates(item, (*above, node))

    def _section(self, section: str, node: yaml.Node) -> None:
        """Read the keys of a section; at the top level, a key may name another section."""
        options = _SECTIONS[section]
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return  # all its keys are commented out
        if not isinstance(node, yaml.MappingNode):
            name, example = section or "a recipe", next(iter(options))
            raise self._error(node.start_mark, f"{name} holds keys and values, such as {example}: ...")
        for key, value in node.value:
            name = key.value
            if name in options:
                self._value(options[name], value)
                self.result.places[name] = self._place(key.start_mark)
            elif section == "" and name in _SECTIONS:
                self._section(name, value)
            else:
                raise self._error(key.start_mark, _unknown_key(name, section))

    def _value(self, option: Option, node: yaml.Node) -> None:
        try:
            value = self.loader.construct_object(node, deep=True)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._error(node.start_mark, f"{option.name}: cannot be read ({error})") from None
        try:
            _refuse_other_number(option, node, value)
            self.result.values[option.name] = option.checked(value)
        except OptionError as error:
            raise self._error(node.start_mark, str(error)) from None

    def _error(self, mark: yaml.Mark | None, problem: str) -> RecipeError:
        return RecipeError(f"{self._place(mark)}: {problem}.")

    def _place(self, mark: yaml.Mark | None) -> str:
        return f"{self.file}, line {mark.line + 1}" if mark else str(self.file)


def _refuse_other_number(option: Option, node: yaml.Node, value: Any) -> None:
    """Raise OptionError for a number that YAML reads in its own way: 010 as 8, 1:30 as 90."""
    kind = type(value)
    if kind not in (int, float) or option.kind not in (int, float) or (kind is float and not isfinite(value)):
        return
    try:
        is_same = kind(node.value) == value
    except ValueError:
        is_same = False
    if not is_same:
        raise OptionError(option.name, f"is {node.value} here, which YAML reads as {value}: write {value}")


def _unknown_key(name: str, section: str) -> str:
    """Return the message for an unknown key, with the key that may be meant, here or in another section."""
    places = {alias: place for place in (*_SECTIONS, section) for alias in _aliases(place)}
    here = f"there is no key {name!r} {_at(section)}"
    if close := get_close_matches(name, places, n=1):
        place = places[close[0]]
        where = "" if place == section else f" {_at(place)}"
        return f"{here}; did you mean {_aliases(place)[close[0]]!r}{where}?"
    return f"{here}; the keys here are {', '.join(dict.fromkeys(_aliases(section).values()))}"


def _aliases(section: str) -> dict[str, str]:
    """Return the keys of a section by every name that a user may try, flags included."""
    keys = {option.flag.lstrip("-"): name for name, option in _SECTIONS[section].items()}
    keys |= {name: name for name in _SECTIONS[section]}
    return keys | ({name: name for name in _SECTIONS if name} if section == "" else {})


def _at(section: str) -> str:
    return f"in {section}" if section else "at the top"
