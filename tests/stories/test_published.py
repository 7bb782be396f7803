"""From a build to a dataset that people load, extend, compare and audit: commands against the local Hub."""

import json
import random
import re
from pathlib import Path

import pytest

from builders.running.provenance import provenance
from builders.running.run import Run
from builders.schema import TABLES
from builders.tables.arrow import table
from builders.tables.folder import Folder
from tests.auditing import write_source
from tests.building import write_functions_file
from tests.doubles.local_hub import Client, LocalHub
from tests.publishing import built, call_codeio

REPO = "ada/data"
LOCK = Path(".codeio", "lock")


def loaded(repo: str, config: str, revision: str, streaming: bool) -> dict[str, list[dict[str, object]]]:
    from datasets import load_dataset

    splits = load_dataset(repo, config, revision=revision, streaming=streaming)
    return {name: list(split) for name, split in splits.items()}


def run_snippet(code: str) -> list[str]:
    """Return what a code block of a card prints, and the length of its `rows` if it loads any."""
    import contextlib
    import io

    printed = io.StringIO()
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return [printed.getvalue(), str(len(names["rows"]) if hasattr(names.get("rows"), "num_rows") else "")]


def test_the_whole_loop(monkeypatch, tmp_path, hub_client: Client, local_hub: LocalHub):
    monkeypatch.chdir(tmp_path)
    small, large = built(tmp_path, 2), built(tmp_path, 3)

    code, printed, errors = hub_client.run(
        call_codeio, "publish", str(small), REPO, "--tag", "v1.0.0", "--json"
    )
    assert code == 0, errors
    assert json.loads(printed)["left_behind"] == []
    commits = local_hub.counters.statuses("POST", "/commit/")
    assert commits == [200]

    card = local_hub.files(REPO, "v1.0.0")["README.md"].decode()
    assert "### v1.0.0\n\nThe first version." in card
    assert "![" in card
    assert "pictures/statuses.png" in local_hub.files(REPO)
    blocks = re.findall(r"```python\n(.*?)```", card.partition("## Where the rows went")[0], re.DOTALL)
    results = [hub_client.run(run_snippet, block) for block in blocks]
    assert len(results) == 3
    assert int(results[0][1]) > 0
    assert "'task_id'" in results[1][0]
    assert results[2][0] == "correct\n"

    # The same command again changes nothing.
    code, printed, errors = hub_client.run(
        call_codeio, "publish", str(small), REPO, "--tag", "v1.0.0", "--json"
    )
    assert (code, json.loads(printed)["url"]) == (0, None), errors
    assert local_hub.counters.statuses("POST", "/commit/") == commits

    code, printed, errors = hub_client.run(call_codeio, "publish", str(large), REPO, "--tag", "v1.0.0")
    assert code == 1
    assert "another --tag" in errors

    code, printed, errors = hub_client.run(
        call_codeio, "publish", str(large), REPO, "--tag", "v1.1.0", "--dry-run"
    )
    assert code == 0, errors
    assert "Nothing was sent" in printed
    assert local_hub.counters.statuses("POST", "/commit/") == commits

    code, printed, errors = hub_client.run(call_codeio, "publish", str(large), REPO, "--tag", "v1.1.0")
    assert code == 0, errors
    card = local_hub.files(REPO)["README.md"].decode()
    assert card.index("### v1.1.0") < card.index("new file") < card.index("### v1.0.0")
    assert re.search(r"\| functions \| 2 \| 3 \| 1 \|", card)

    code, printed, errors = hub_client.run(
        call_codeio, "changes", f"{REPO}@v1.0.0", f"{REPO}@v1.1.0", "--json"
    )
    assert code == 0, errors
    code, printed, errors = hub_client.run(call_codeio, "audit", f"{REPO}@v1.1.0", "--json")
    assert code == 0, (printed, errors)

    for config, n_rows in (("functions", 3), ("rlvr", 12), ("codeio_pp", 36)):
        old = hub_client.run(loaded, REPO, config, "v1.0.0", False)
        new = hub_client.run(loaded, REPO, config, "v1.1.0", False)
        assert new == hub_client.run(loaded, REPO, config, "main", True)
        for split, rows in old.items():
            column = next(iter(rows[0]))
            assert [row[column] for row in new[split]][: len(rows)] == [row[column] for row in rows]
        assert sum(map(len, new.values())) == n_rows
        assert sum(map(len, old.values())) == n_rows * 2 // 3


def own_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("codeio")
    except PackageNotFoundError:
        return "unknown"


def test_a_build_by_sources_that_are_not_installed_has_no_version(tmp_path, hub_client: Client):
    """In one of the two clients, codeio's sources are on the path, but codeio is not installed."""
    options = ("--from", "functions", "--until", "io_pairs", "--out", str(tmp_path / "out"))
    code, _, errors = hub_client.run(call_codeio, "build", str(write_functions_file(tmp_path)), *options)
    assert code == 0, errors
    (made_with,) = provenance(tmp_path / "out")["made_with"]
    assert made_with["codeio"] == hub_client.run(own_version)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no-such-folder", REPO), "none of the tables"),
        (("BUILT", "nonsense//name"), "not the name of a repository"),
        (("BUILT", REPO, "--configs", "tusks"), "choose from"),
        (("BUILT", REPO, "--create-pr", "--tag", "v1"), "pull request"),
    ],
)
def test_what_cannot_work_is_reported_before_anything_is_sent(
    words, message, tmp_path, hub_client: Client, local_hub: LocalHub
):
    if "BUILT" in words:
        folder = write_source(tmp_path / "built")
        words = tuple(str(folder) if word == "BUILT" else word for word in words)
    code, _, errors = hub_client.run(call_codeio, "publish", *words)
    assert code in (1, 2)
    assert message in " ".join(errors.replace("│", " ").split())
    assert local_hub.counters.statuses("POST", "/commit/") == []


def write_build(home: Path, functions: list[int]) -> tuple[Path, int]:
    """Write a folder with one turn for each function, and the rows that the turns are made of.

    Returns the folder, and the size of its files in bytes.
    """
    folder = Folder(home)
    (home / ".codeio").mkdir(parents=True)
    content = random.Random(0)
    prompts = [content.randbytes(1000).hex() for _ in range(max(functions) + 1)]
    names = [(f"f{number:05d}", f"p{number:05d}", f"t{number:05d}", number) for number in functions]
    tables = {
        "functions": [{"function_id": f, "license": "mit"} for f, _, _, _ in names],
        "io_pairs": [{"pair_id": p, "function_id": f} for f, p, _, _ in names],
        "tasks": [
            {"task_id": t, "pair_id": p, "function_id": f, "direction": "output", "prompt": prompts[number]}
            for f, p, t, number in names
        ],
        "turns": [
            {"response_id": f"r{t}", "task_id": t, "sample": 0, "turn": 0, "status": "wrong"}
            for _, _, t, _ in names
        ],
    }
    for config, rows in tables.items():
        folder.write(config, {"train": table(rows, TABLES[config].features)})
    return home, sum(file.stat().st_size for file in home.rglob("*.parquet"))


def test_a_version_with_new_rows_among_the_old_sends_little_again(
    tmp_path, hub_client: Client, local_hub: LocalHub
):
    first, _ = write_build(tmp_path / "first", [f for f in range(1000) if f % 100 != 50])
    second, n_bytes = write_build(tmp_path / "second", list(range(1000)))
    third, _ = write_build(tmp_path / "third", [f for f in range(1000) if f != 50])
    assert hub_client.run(call_codeio, "publish", str(first), REPO)[0] == 0
    local_hub.counters.clear()
    code, printed, errors = hub_client.run(call_codeio, "publish", str(second), REPO, "--json")
    assert code == 0, errors
    changes = json.loads(printed)["changes"]
    sent = sum(size for size in changes["added"].values())
    assert local_hub.counters.n_uploaded_bytes < n_bytes / 10
    assert 0 < sent < n_bytes / 10
    rows = hub_client.run(loaded, REPO, "turns", "main", False)["train"]
    assert [row["task_id"] for row in rows[-10:]] == [f"t{f:05d}" for f in range(50, 1000, 100)]

    local_hub.counters.clear()
    code, printed, errors = hub_client.run(call_codeio, "publish", str(second), REPO, "--json")
    assert (code, json.loads(printed)["url"], local_hub.counters.uploads) == (0, None, []), errors

    code, _, errors = hub_client.run(call_codeio, "publish", str(third), REPO, "--branch", "next")
    assert code == 0, errors
    assert local_hub.counters.n_uploaded_bytes < n_bytes / 10
    rows = hub_client.run(loaded, REPO, "turns", "next", False)["train"]
    assert [row["task_id"] for row in rows[-9:]] == [f"t{f:05d}" for f in range(150, 1000, 100)]


def test_a_publish_that_was_cut_off_continues_and_leaves_nothing(
    monkeypatch, tmp_path, hub_client: Client, local_hub: LocalHub
):
    made, _ = write_build(tmp_path / "made", list(range(20)))
    before = sorted(path.relative_to(made) for path in made.rglob("*"))
    local_hub.faults.refuse("POST", "/commit/main", 400)
    code, _, errors = hub_client.run(call_codeio, "publish", str(made), REPO)
    assert code == 1
    assert "nothing was published" in errors
    uploads = len(local_hub.counters.uploads)
    assert uploads > 0
    hub_client.restart()
    code, _, errors = hub_client.run(call_codeio, "publish", str(made), REPO, "--json")
    assert code == 0, errors
    assert len(local_hub.counters.uploads) == uploads
    assert sorted(path.relative_to(made) for path in made.rglob("*")) == sorted([*before, LOCK])


def test_a_folder_that_is_being_built_or_published_is_left_alone(tmp_path, hub_client: Client):
    made, _ = write_build(tmp_path / "made", list(range(3)))
    with Run(made).locked():
        code, _, errors = hub_client.run(call_codeio, "publish", str(made), REPO)
    assert code == 1
    assert "Another codeio is writing to" in errors


@pytest.mark.parametrize("text", ["[]", "{", '{"options": {}}', '{"options": 5, "limits": []}'])
def test_unreadable_provenance_is_refused_in_one_sentence(tmp_path, hub_client: Client, text: str):
    made, _ = write_build(tmp_path / "made", list(range(3)))
    (made / "provenance.json").write_text(text)
    code, _, errors = hub_client.run(call_codeio, "publish", str(made), REPO, "--dry-run")
    assert code == 1
    assert "build the folder again" in errors
    assert "Traceback" not in errors


def test_an_unreachable_hub_is_reported_in_one_sentence(tmp_path, hub_client: Client, local_hub: LocalHub):
    built = tmp_path / "built"
    write_source(built)
    local_hub.stop()
    for words in (("audit", REPO), ("publish", str(built), REPO, "--dry-run"), ("publish", str(built), REPO)):
        code, _, errors = hub_client.run(call_codeio_once, *words)
        assert code == 1
        assert errors.startswith("codeio: The Hub")
        assert "Traceback" not in errors
    local_hub.start()


def call_codeio_once(*words: str) -> list[object]:
    """Run `codeio` in the client's process without retries, and return its exit code and what it printed."""
    import contextlib
    import io
    import sys

    from builders.cli.main import main
    from hub.publish import upload as publish

    publish.N_TRIES = 1
    sys.argv = ["codeio", *words]
    printed, errors = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return [code, printed.getvalue(), errors.getvalue()]
