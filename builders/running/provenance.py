"""The provenance of a dataset: options, model, sandbox, versions, and the command that makes it again.

In: the folder of a build, or of published data (`provenance.json`). Out: a dict that fits into JSON. A local
path is shortened to its last part.

Not covered: what can be counted in the tables (rows, statuses, tokens), and what differs between runs but
decides no row (times, addresses of servers).
"""

import json
import shlex
from pathlib import Path
from typing import Any

from builders.formats import check_format, stated_numbers
from builders.options import Limits, Options, declared
from builders.running.run import Run

FILE = "provenance.json"
MAX_BYTES = 1 << 20
"""The largest file that is read: builds write less, but the publisher of data may have written anything."""
_LIMITS = tuple(declared(Limits))
_NOT_AMONG_OPTIONS = ("model", "source", *_LIMITS)
"""Values in run.json that have their own keys in the provenance."""


def provenance(root: Path, name: str | None = None) -> dict[str, Any]:
    """Return the provenance of a folder, built here or published; empty if it has none.

    Raises ValueError if its shape is not what codeio writes, and FormatMismatch, whose message shows `name`
    (default: the path).
    """
    try:
        facts = _read(root)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(repr(error)) from error
    check_format(name or str(root), facts)
    return facts


def _read(root: Path) -> dict[str, Any]:
    run = Run(root)
    if options := run.options():
        return _from_run(run, options)
    file = root / FILE
    if not file.is_file():  # a pipe or a folder of that name is not read
        return {}
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"{FILE} is larger than {MAX_BYTES:,} bytes")
    facts = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(facts, dict):
        raise ValueError(f"{FILE} is not a JSON object")
    return {**facts, **stated_numbers(facts)}


def _from_run(run: Run, options: dict[str, Any]) -> dict[str, Any]:
    path = Path(options["source"])
    source = path.name if path.is_absolute() else options["source"]
    model = options.get("model")
    return {
        **run.numbers(),
        "source": source,
        "model": model,
        "options": {name: value for name, value in options.items() if name not in _NOT_AMONG_OPTIONS},
        "limits": {name: options[name] for name in _LIMITS},
        "sandboxes": sorted({line["tier"] for line in run.telemetry()}),
        "made_with": _distinct(run.telemetry("build")),
        "command": _command(source, model, options),
    }


def _command(source: str, model: str | None, options: dict[str, Any]) -> str:
    """Return the command that makes the data again, with OUT and URL for the user to fill in."""
    words, declarations = ["codeio", "build", source], declared(Options)
    for name, value in options.items():
        option = declarations.get(name)
        if option and name != "source" and value not in (option.default, None):
            words += option.as_arguments(value)
    return shlex.join([*words, "--out", "OUT", *(("--base-url", "URL") if model else ())])


def _distinct(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the different lines, in the order of their JSON text, without the key `kind`."""
    by_text = {json.dumps(line, sort_keys=True): line for line in lines}
    return [{k: v for k, v in by_text[text].items() if k != "kind"} for text in sorted(by_text)]
