"""From a build to a dataset that people load, grow, compare and audit: commands, against the local Hub."""

import json
import re

import pytest

from hub.provenance import facts
from tests.auditing import source
from tests.building import functions_file
from tests.local_hub import Client, LocalHub
from tests.publishing import built, command

REPO = "ada/data"


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
    small, large = built(tmp_path, 2), built(tmp_path, 3)

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


def own_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("codeio")
    except PackageNotFoundError:
        return "unknown"


def test_a_build_from_the_sources_alone_tells_no_version(tmp_path, hub_client: Client):
    """Of the two clients one has codeio's sources on its path, but not installed."""
    given = ("--from", "functions", "--until", "io_pairs", "--out", str(tmp_path / "out"))
    code, _, errors = hub_client.run(command, "build", str(functions_file(tmp_path)), *given)
    assert code == 0, errors
    (made_with,) = facts(tmp_path / "out")["made_with"]
    assert made_with["codeio"] == hub_client.run(own_version)


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
    words, message, tmp_path, hub_client: Client, local_hub: LocalHub
):
    if "BUILT" in words:
        folder = source(tmp_path / "built")
        words = tuple(str(folder) if word == "BUILT" else word for word in words)
    code, _, errors = hub_client.run(command, "publish", *words)
    assert code in (1, 2)
    assert message in " ".join(errors.replace("│", " ").split())
    assert local_hub.counters.statuses("POST", "/commit/") == []
