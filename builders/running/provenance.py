"""How a dataset came about: options, model, sandbox, versions, and the command that makes it again.

In: the run of a build, or what was published of one (`provenance.json`). Out: plain facts. Of local paths
only the last part is told.

Not covered: what the tables tell themselves (numbers of rows, statuses, tokens), and what differs from run to
run without deciding a row (times, addresses of servers).
"""

import json
import shlex
from pathlib import Path
from typing import Any

from builders.formats import check_format, stated
from builders.options import Limits, Options, declared
from builders.running.run import Run

FILE = "provenance.json"
MOST_BYTES = 1 << 20
"""No build tells more of itself; whoever published data may have written anything."""
_LIMITS = tuple(declared(Limits))
_APART = ("model", "source", *_LIMITS)
"""Of run.json: what stands elsewhere than among the options."""


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
        "options": {name: value for name, value in options.items() if name not in _APART},
        "limits": {name: options[name] for name in _LIMITS},
        "sandboxes": sorted({line["tier"] for line in run.telemetry()}),
        "made_with": _distinct(run.telemetry("build")),
        "command": _command(source, model, options),
    }


def _command(source: str, model: str | None, options: dict[str, Any]) -> str:
    """The command line; what stands in capitals is for whoever gives it."""
    words, known = ["codeio", "build", source], declared(Options)
    for name, value in options.items():
        option = known.get(name)
        if option and name != "source" and value not in (option.default, None):
            words += option.words(value)
    return shlex.join([*words, "--out", "OUT", *(("--base-url", "URL") if model else ())])


def _distinct(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = {json.dumps(line, sort_keys=True): line for line in lines}
    return [{k: v for k, v in kinds[text].items() if k != "kind"} for text in sorted(kinds)]
