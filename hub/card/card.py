"""The dataset card: README.md of a folder, and of the repository that it becomes.

In: a folder of tables and their provenance. Out: the text, with every number counted from the tables.
`stale_lines` counts again and returns where a card differs.

All text that comes from rows is escaped, so none of it is markup.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

import prompts
from builders.functions.author import PROMPTS
from builders.functions.stage import prompts_id
from builders.schema import REFERENCE_COLUMNS, TABLES, Type, stages
from builders.tables.example import example_row
from builders.tables.folder import DEFAULT_CONFIG, SPLITS, Folder
from builders.verifier import STATUSES
from hub.card.metadata import metadata
from hub.card.numbers import KINDS, numbers
from hub.escaping import markdown_block, markdown_code, markdown_line

CITATION = """\
@article{li2025codeio,
  title={CodeI/O: Condensing Reasoning Patterns via Code Input-Output Prediction},
  author={Li, Junlong and Guo, Daya and Yang, Dejian and Xu, Runxin and Wu, Yu and He, Junxian},
  journal={arXiv preprint arXiv:2502.07316},
  year={2025}
}"""
_WHY_EXCLUDED = {
    "licence": "for their licence",
    "no_licence": "because no licence is known",
    "secret": "for what looks like a credential or an e-mail address",
}
_ROW = "\n## A whole row of "
_COUNTED = re.compile(r"^<!-- (?:counted: (\w+)|(/)counted) -->$", re.MULTILINE)
_CHANGELOG = "<!-- changelog -->\n", "\n<!-- /changelog -->"


def card(folder: Folder, facts: dict[str, Any], name: str, changelog: str = "") -> str:
    """Return the whole README; `name` is what `load_dataset` takes."""
    values = _values(folder, facts, name, changelog)
    title = values["title"]
    data = metadata(folder, values["n"], facts.get("source", ""), title)
    text = re.sub(r"\n{3,}", "\n\n", _template().render(values))
    return f"---\n{data.to_yaml()}\n---\n\n{text.strip()}\n"


def stale_lines(folder: Folder) -> list[str]:
    """Return what in the folder's README differs from its tables, one line each; empty if nothing does."""
    try:
        text = (folder.root / "README.md").read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError) as error:
        return [f"README.md cannot be read: {error}"]
    parts = _counted_parts(text)
    template = _template()
    context = template.new_context(_values(folder, {}, "", ""))
    differences = []
    for block, render in template.blocks.items():
        counted = [line for line in "".join(render(context)).splitlines() if line]
        lines = [line for line in parts.get(block, "").splitlines() if line]
        if block not in parts:
            differences += [f"{block}: is not in the card"] if counted else []
            continue
        wrong = [line for line in lines if line not in counted]
        differences += [f"{block}: {line!r} is not what the tables hold" for line in wrong]
        differences += [f"{block}: {line!r} is missing" for line in counted if line not in lines]
    return differences


def changelog_in(readme: str) -> str:
    """Return the changelog in a card; empty if there is none."""
    _, _, rest = readme.partition(_CHANGELOG[0])
    text, end, _ = rest.partition(_CHANGELOG[1])
    return text if end else ""


def _counted_parts(text: str) -> dict[str, str]:
    """Return the counted parts of a card by name, the first of each name.

    Marks without a partner are ignored, and so are marks in the row that the card shows. Before that row, no
    line starts with text of a row.
    """
    parts: dict[str, str] = {}
    opened = None
    for mark in _COUNTED.finditer(text.partition(_ROW)[0]):
        if mark[2] and opened:
            parts.setdefault(opened[1], text[opened.end() + 1 : mark.start()])
        opened = None if mark[2] else opened or mark
    return parts


def _values(folder: Folder, facts: dict[str, Any], name: str, changelog: str) -> dict[str, Any]:
    """Return the values that the template names."""
    n = numbers(folder)
    default = next((config for config in (DEFAULT_CONFIG, *reversed(TABLES)) if config in n["rows"]), None)
    tag = re.match(r"### (?!untagged$)(\S+)", changelog, re.MULTILINE)
    return {
        "n": n,
        "facts": facts,
        "name": name,
        "title": name.rpartition("/")[2],
        "changelog": changelog,
        "tag": tag and tag[1],
        "default": default,
        "row": example_row(folder, default) if default else None,
        "splits": SPLITS if any("test" in by_split for by_split in n["rows"].values()) else (),
        "absent": [config for config in TABLES if config not in n["rows"]],
        "pictures": (folder.root / "pictures").is_dir(),
        "funnel": stages(),
        "statuses": STATUSES,
        "tables": TABLES,
        "why_excluded": _WHY_EXCLUDED,
        "plural": {kind: f"{kind}s" for kind in (*KINDS.values(), "number")},
        "repeated": REFERENCE_COLUMNS if default == DEFAULT_CONFIG else (),
        "files": {
            **{prompts.load(path.stem).id: [path.stem] for path in _prompt_files()},
            prompts_id(): PROMPTS,
        },
        "citation": CITATION,
    }


def _prompt_files() -> list[Path]:
    return sorted(Path(str(prompts.__file__)).parent.glob("*.md"))


@cache
def _template() -> Template:
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters.update(
        {
            "thousands": lambda n: f"{n:,}",
            "share": lambda part, whole: f"{100 * part / (whole or 1):.1f} %",
            "size": _size,
            "typed": _typed,
            "cell": markdown_line,
            "code": markdown_code,
            "short": lambda value: markdown_code(json.dumps(value, ensure_ascii=False)),
            "fenced": markdown_block,
        }
    )
    environment.tests["multiline"] = lambda value: isinstance(value, str) and "\n" in value
    return environment.from_string(files("hub.card").joinpath("card.md").read_text(encoding="utf-8"))


def _typed(kind: Type) -> str:
    """Return a type in words."""
    if isinstance(kind, str):
        return kind
    return "{" + ", ".join(kind) + "}" if isinstance(kind, Mapping) else f"list of {_typed(kind[0])}"


def _size(n_bytes: float) -> str:
    units = iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while n_bytes >= 1000 and unit != "TB":
        n_bytes, unit = n_bytes / 1000, next(units)
    return f"{n_bytes:.3g} {unit}"
