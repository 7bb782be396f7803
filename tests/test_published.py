"""From a build to a dataset that people load, grow, compare and audit: commands, against the local Hub."""

import json
import re
from pathlib import Path

import pytest

from tests.auditing import OPTIONS, source
from tests.building import FUNCTIONS, run, scripted_server
from tests.local_hub import Client, LocalHub

REPO = "ada/data"


def built(monkeypatch, home: Path, n_functions: int) -> Path:
    """A build of the first so many functions, all of one shape but for a number."""
    out = home / f"built-{n_functions}"
    functions = [
        {
            **FUNCTIONS[0],
            "reference_code": f"def f(n):\n    return n + {step}\n",
            "query": f"What is {step} more?",
        }
        for step in (1, 7, 9)[:n_functions]
    ]
    with scripted_server() as server:
        given = ("--from", "functions", "--base-url", server.address, *OPTIONS)
        made = source(home / f"source-{n_functions}", functions)
        assert run(monkeypatch, "build", made, "--out", out, *given) == 0
    return out


def command(*words: str) -> list[object]:
    """Run `codeio` in the client's process: its exit code and what it printed."""
    import contextlib
    import io
    import sys

    from builders import cli

    sys.argv = ["codeio", *words]
    printed, errors = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    return [code, printed.getvalue(), errors.getvalue()]


def loaded(repo: str, config: str, revision: str, streaming: bool) -> list[dict[str, object]]:
    from datasets import load_dataset

    splits = load_dataset(repo, config, revision=revision, streaming=streaming)
    return [row for split in splits.values() for row in split]


def snippet(code: str) -> list[str]:
    import contextlib
    import io

    printed = io.StringIO()
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return [printed.getvalue(), str(len(names["rows"]) if hasattr(names.get("rows"), "num_rows") else "")]


def test_the_whole_loop(monkeypatch, tmp_path, hub_client: Client, local_hub: LocalHub):
    monkeypatch.chdir(tmp_path)
    small, large = built(monkeypatch, tmp_path, 2), built(monkeypatch, tmp_path, 3)

    code, printed, errors = hub_client.run(command, "publish", str(small), REPO, "--tag", "v1.0.0", "--json")
    assert code == 0, errors
    assert json.loads(printed)["left_behind"] == []
    commits = local_hub.counters.statuses("POST", "/commit/")
    assert commits == [200]

    card = local_hub.files(REPO, "v1.0.0")["README.md"].decode()
    assert "### v1.0.0\n\nThe first version." in card
    assert "![" in card
    assert "pictures/statuses.png" in local_hub.files(REPO)
    blocks = re.findall(r"```python\n(.*?)```", card.partition("## Where the rows went")[0], re.DOTALL)
    said = [hub_client.run(snippet, block) for block in blocks]
    assert len(said) == 3
    assert int(said[0][1]) > 0
    assert "'task_id'" in said[1][0]
    assert said[2][0] == "correct\n"

    # Given again, it changes nothing.
    code, printed, errors = hub_client.run(command, "publish", str(small), REPO, "--tag", "v1.0.0", "--json")
    assert (code, json.loads(printed)["url"]) == (0, None), errors
    assert local_hub.counters.statuses("POST", "/commit/") == commits

    code, printed, errors = hub_client.run(command, "publish", str(large), REPO, "--tag", "v1.0.0")
    assert code == 1
    assert "another --tag" in errors

    code, printed, errors = hub_client.run(
        command, "publish", str(large), REPO, "--tag", "v1.1.0", "--dry-run"
    )
    assert code == 0, errors
    assert "Nothing was sent" in printed
    assert local_hub.counters.statuses("POST", "/commit/") == commits

    code, printed, errors = hub_client.run(command, "publish", str(large), REPO, "--tag", "v1.1.0")
    assert code == 0, errors
    card = local_hub.files(REPO)["README.md"].decode()
    assert card.index("### v1.1.0") < card.index("new file") < card.index("### v1.0.0")
    assert re.search(r"\| functions \| 2 \| 3 \| 1 \|", card)

    code, printed, errors = hub_client.run(command, "changes", f"{REPO}@v1.0.0", f"{REPO}@v1.1.0", "--json")
    assert code == 0, errors
    code, printed, errors = hub_client.run(command, "audit", f"{REPO}@v1.1.0", "--json")
    assert code == 0, (printed, errors)

    for config, features in (("functions", 2), ("rlvr", 8), ("codeio_pp", 24)):
        old = hub_client.run(loaded, REPO, config, "v1.0.0", False)
        new = hub_client.run(loaded, REPO, config, "v1.1.0", False)
        assert new == hub_client.run(loaded, REPO, config, "main", True)
        assert len(old) < len(new)
        assert old[0].keys() == new[0].keys()
        assert all(row in new for row in old), (config, features)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no-such-folder", REPO), "none of the tables"),
        (("BUILT", "nonsense//name"), "no name of a repository"),
        (("BUILT", REPO, "--configs", "tusks"), "choose from"),
        (("BUILT", REPO, "--create-pr", "--tag", "v1"), "pull request"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_sent(
    words, message, monkeypatch, tmp_path, hub_client: Client, local_hub: LocalHub
):
    if "BUILT" in words:
        built = tmp_path / "built"
        source(built)
        words = tuple(str(built) if word == "BUILT" else word for word in words)
    code, _, errors = hub_client.run(command, "publish", *words)
    assert code in (1, 2)
    assert message in " ".join(errors.replace("│", " ").split())
    assert local_hub.counters.statuses("POST", "/commit/") == []


def test_a_hub_that_is_not_there_is_told_in_a_sentence(tmp_path, hub_client: Client, local_hub: LocalHub):
    built = tmp_path / "built"
    source(built)
    local_hub.stop()
    for words in (("audit", REPO), ("publish", str(built), REPO, "--dry-run"), ("publish", str(built), REPO)):
        code, _, errors = hub_client.run(impatient, *words)
        assert code == 1
        assert errors.startswith("codeio: The Hub")
        assert "Traceback" not in errors
    local_hub.start()


def impatient(*words: str) -> list[object]:
    """Run `codeio` in the client's process, with a single try: its exit code and what it printed."""
    import contextlib
    import io
    import sys

    from builders import cli
    from hub import publish

    publish.N_TRIES = 1
    sys.argv = ["codeio", *words]
    printed, errors = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    return [code, printed.getvalue(), errors.getvalue()]
