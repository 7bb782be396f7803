"""Texts that reach a model or a row are data: `tests/texts.json` holds them, and changes only on purpose.

    python -m tests.test_texts

writes that file again. A changed text changes rows, and the ids of rows with it: say so in CHANGELOG.md.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import prompts
from tests import ROOT

PINNED = Path(__file__).with_name("texts.json")
MODULES_WITH_PINNED_TEXTS = (
    "execution/inside",
    "execution/proof.py",
    "execution/replies.py",
    "functions",
    "inference/answers.py",
    "inference/asking/endpoint.py",
    "inference/asking/limit.py",
    "io_pairs.py",
    "json_schemas.py",
    "masking.py",
    "raw_code.py",
    "responses.py",
    "revisions.py",
    "selection",
    "sources",
    "stage.py",
    "tasks.py",
    "training_set.py",
    "verdicts.py",
    "verifier.py",
)
"""Modules of `builders` whose texts are prompts, feedback, drop details, faults or errors of a run."""


def sentences(path: Path) -> Iterator[str]:
    """Yield the texts of more than one word in a module, except docstrings; `{}` stands for f-string values.

    Texts in `raise` are for the user, except in the sandbox and in requests, whose errors are recorded.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    records_errors = "inside" in path.parts or "inference" in path.parts
    skipped: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                skipped.update(map(id, ast.walk(node)))
            case ast.Raise() if not records_errors:
                skipped.update(map(id, ast.walk(node)))
            case ast.JoinedStr(values=values):
                skipped.update(map(id, values))
    for node in ast.walk(tree):
        match node:
            case _ if id(node) in skipped:
                continue
            case ast.JoinedStr(values=values):
                text = "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in values)
            case ast.Constant(value=str(text)):
                pass
            case _:
                continue
        if " " in text.strip():
            yield text


def texts() -> dict[str, object]:
    """Return every prompt's id by its name, and every module's sentences by its path, both sorted."""
    pinned: dict[str, object] = {
        f"prompts/{file.name}": prompts.load(file.stem).id for file in (ROOT / "prompts").glob("*.md")
    }
    for place in MODULES_WITH_PINNED_TEXTS:
        room = ROOT / "builders" / place
        assert room.exists(), room
        for path in [room] if room.is_file() else room.rglob("*.py"):
            if module_texts := sorted(sentences(path)):
                pinned[str(path.relative_to(ROOT))] = module_texts
    return dict(sorted(pinned.items()))


def test_no_text_that_reaches_a_model_or_a_row_changed() -> None:
    assert texts() == json.loads(PINNED.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PINNED.write_text(json.dumps(texts(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
