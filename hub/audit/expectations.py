"""What an audit expects of a dataset, by its `provenance.json`, which anybody may have written.

In: a version's provenance. Out: `Expectations`, and complaints about values that cannot be right. A value
that is missing has its default, except the test share, which is then unknown.
Tested in tests/hub/audit/test_audit.py.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from builders.formats import RULES, rules_mismatch, stated_numbers
from builders.options import Limits, declared
from hub.rights.licences import PERMISSIVE


@dataclass(frozen=True)
class Expectations:
    """How the rows were made, as far as the checks need to know."""

    limits: Limits = Limits()  # noqa: RUF009 - immutable
    test_share: float | None = None
    system: str | None = None
    keep_reasoning: bool = False
    allowed: frozenset[str] = PERMISSIVE
    from_turns: bool = False
    """Whether the turns come from another build, whose system message is unknown."""
    made_with: tuple[dict[str, Any], ...] = ()
    rules: str = RULES
    rules_mismatch: str | None = None
    """What to report if the turns were judged by rules that differ from this codeio's; None if they agree."""

    def matches_this_machine(self, numpy: str | None) -> bool:
        """Return whether code ran with this Python and numpy (here `numpy`), and on this kind of machine."""
        here = {"python": _minor(platform.python_version()), "numpy": numpy, "machine": platform.machine()}
        return all(
            {**build, "python": _minor(str(build.get("python")))} == {**build, **here}
            for build in self.made_with
        )


def expectations(name: str, provenance: dict[str, Any]) -> tuple[Expectations, list[str]]:
    """Read the provenance of the data called `name`.

    A value of the wrong type is replaced by its default, with a complaint.
    """
    complaints: list[str] = []

    def part(name: str) -> dict[str, Any]:
        values: dict[str, Any] = _value(provenance, name, dict, {}, complaints)
        return values

    options, limits = part("options"), part("limits")
    share = _value(options, "test_share", (int, float), None, complaints)
    allowed = _value(provenance, "licenses_allowed", list, None, complaints)
    made_with = _value(provenance, "made_with", list, [], complaints)
    return Expectations(
        limits=Limits(**dict(_limits(limits, complaints))),
        test_share=share,
        system=_value(options, "system", str, None, complaints),
        keep_reasoning=_value(options, "keep_reasoning", bool, False, complaints),
        allowed=PERMISSIVE if allowed is None else frozenset(filter(_is_text, allowed)),
        from_turns=_value(options, "from_table", str, None, complaints) == "turns",
        made_with=tuple(build for build in made_with if isinstance(build, dict)),
        rules=stated_numbers(provenance)["rules"],
        rules_mismatch=rules_mismatch(name, provenance),
    ), complaints


def _limits(stated_limits: dict[str, Any], complaints: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the limits that a build could have; larger ones are refused, as every row may use them up."""
    for name, option in declared(Limits).items():
        kind = (int, float) if option.kind is float else option.kind
        value = _value(stated_limits, name, kind, None, complaints)
        if value is None:
            continue
        if value > 0 and (option.max is None or value <= option.max):
            yield name, value
        else:
            complaints.append(f"the limit {name} is {value}, which is out of range")


def _value(values: dict[str, Any], name: str, kind: Any, default: Any, complaints: list[str]) -> Any:
    value = values.get(name)
    if value is None:
        return default
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    complaints.append(f"{name} has the wrong type, {type(value).__name__}")
    return default


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
