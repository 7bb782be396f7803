"""What a dataset tells of its making, read with care: the author of `provenance.json` may be anybody.

In: a version's provenance. Out: `Facts`, and complaints about what cannot be. What is not told is as it is by
default, but for the share of the test split, which is then unknown.
Tested in tests/hub/audit/test_audit.py.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from builders.formats import RULES, other_rules, stated
from builders.options import Limits, declared
from hub.rights.licences import PERMISSIVE


@dataclass(frozen=True)
class Facts:
    """How rows were made, as far as it decides what they must be."""

    limits: Limits = Limits()  # noqa: RUF009 - immutable
    test_share: float | None = None
    system: str | None = None
    keep_reasoning: bool = False
    allowed: frozenset[str] = PERMISSIVE
    from_turns: bool = False
    """The turns come from another build, of whose system message nothing is known."""
    made_with: tuple[dict[str, Any], ...] = ()
    rules: str = RULES
    other_rules: str | None = None
    """What to say of turns that were judged by other rules than those of this codeio."""

    def is_made_like_here(self, numpy: str | None) -> bool:
        """Whether code was run with the Python and numpy, and on the kind of machine, that run it here."""
        here = {"python": _minor(platform.python_version()), "numpy": numpy, "machine": platform.machine()}
        return all(
            {**one, "python": _minor(str(one.get("python")))} == {**one, **here} for one in self.made_with
        )


def facts(name: str, told: dict[str, Any]) -> tuple[Facts, list[str]]:
    """Read the provenance of the data called `name`.

    Of what is not as it should be, the default is taken, and a complaint tells.
    """
    complaints: list[str] = []

    def part(name: str) -> dict[str, Any]:
        found: dict[str, Any] = _one(told, name, dict, {}, complaints)
        return found

    options, limits = part("options"), part("limits")
    share = _one(options, "test_share", (int, float), None, complaints)
    allowed = _one(told, "licenses_allowed", list, None, complaints)
    made_with = _one(told, "made_with", list, [], complaints)
    return Facts(
        limits=Limits(**dict(_limits(limits, complaints))),
        test_share=share,
        system=_one(options, "system", str, None, complaints),
        keep_reasoning=_one(options, "keep_reasoning", bool, False, complaints),
        allowed=PERMISSIVE if allowed is None else frozenset(filter(_is_text, allowed)),
        from_turns=_one(options, "from_table", str, None, complaints) == "turns",
        made_with=tuple(one for one in made_with if isinstance(one, dict)),
        rules=stated(told)["rules"],
        other_rules=other_rules(name, told),
    ), complaints


def _limits(told: dict[str, Any], complaints: list[str]) -> Iterator[tuple[str, Any]]:
    """No limits beyond those of a build are kept to: every row may cost them in full."""
    for name, option in declared(Limits).items():
        kind = (int, float) if option.kind is float else option.kind
        given = _one(told, name, kind, None, complaints)
        if given is None:
            continue
        if given > 0 and (option.max is None or given <= option.max):
            yield name, given
        else:
            complaints.append(f"a limit {name} of {given} is beyond reason")


def _one(told: dict[str, Any], name: str, kind: Any, default: Any, complaints: list[str]) -> Any:
    found = told.get(name)
    if found is None:
        return default
    if isinstance(found, kind) and (kind is bool or not isinstance(found, bool)):
        return found
    complaints.append(f"{name} is a {type(found).__name__}")
    return default


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
