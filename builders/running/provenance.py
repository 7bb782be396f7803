"""How a dataset came about: options, model, sandbox, versions, and the command that makes it again.

In: the run of a build, or what was published of one (`provenance.json`). Out: plain facts. Of local paths
only the last part is told.

Not covered: what the tables tell themselves (numbers of rows, statuses, tokens), and what differs from run to
run without deciding a row (times, addresses of servers).
"""

import json
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

from builders.execution import Limits
from builders.formats import check_format, stated
from builders.running.options import Options, Sampling
from builders.running.run import Run

FILE = "provenance.json"
MOST_BYTES = 1 << 20
"""No build tells more of itself; whoever published data may have written anything."""
_NO_OPTIONS = {"model", "source", *(field.name for field in fields(Limits))}
"""Of run.json: what `codeio build` is not told by an option of that name."""

_OPTION = {"from_table": "--from", "system": "--system-prompt"}


def facts(root: Path, name: str | None = None) -> dict[str, Any]:
    """Those of a folder, whether it was built here or published; empty where nothing tells.

    Raises ValueError where they are of another shape than ours, and OtherFormat, which calls the data by its
    `name`, or else by its path.
    """
    try:
        found = _told(root)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(repr(error)) from error
    check_format(name or str(root), found)
    return found


def _told(root: Path) -> dict[str, Any]:
    run = Run(root)
    if options := run.options():
        return _of_run(run, options)
    file = root / FILE
    if not file.is_file():  # which also a pipe or a folder of that name is not
        return {}
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{FILE} is larger than {MOST_BYTES:,} bytes")
    found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{FILE} is no JSON object")
    return {**found, **stated(found)}


def _of_run(run: Run, options: dict[str, Any]) -> dict[str, Any]:
    path = Path(options["source"])
    source = path.name if path.is_absolute() else options["source"]
    model = options.get("model")
    return {
        **run.numbers(),
        "source": source,
        "model": model,
        "options": {name: value for name, value in options.items() if name not in _NO_OPTIONS},
        "limits": {field.name: options[field.name] for field in fields(Limits)},
        "sandboxes": sorted({line["tier"] for line in run.telemetry()}),
        "made_with": _distinct(run.telemetry("build")),
        "command": _command(source, model, options),
    }


def _command(source: str, model: str | None, options: dict[str, Any]) -> str:
    """The command line; what stands in capitals is for whoever gives it."""
    usual = {field.name: field.default for kind in (Options, Sampling) for field in fields(kind)}
    words = ["codeio", "build", source]
    for name, value in options.items():
        if name in _NO_OPTIONS or value == usual.get(name) or value is None:
            continue
        option = _OPTION.get(name, f"--{name.replace('_', '-')}")
        if value is True:
            words.append(option)
        elif name == "system":
            words += [option, "FILE"]
        else:
            words += [option, json.dumps(value) if isinstance(value, dict) else str(value)]
    return shlex.join([*words, "--out", "OUT", *(("--base-url", "URL") if model else ())])


def _distinct(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = {json.dumps(line, sort_keys=True): line for line in lines}
    return [{k: v for k, v in kinds[text].items() if k != "kind"} for text in sorted(kinds)]
