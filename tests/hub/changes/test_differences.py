"""The records of a comparison: how the versions were made differently, and everything as JSON."""

import json

from hub.changes.changelog import markdown
from hub.changes.compare import changes
from hub.changes.differences import Difference
from hub.versions import Version
from tests.hub.changes.versions import rows, shown, write_version


def test_differences_of_their_making_are_listed(tmp_path):
    recorded = {
        "model": "m",
        "options": {"turns": 1, "seed": 0},
        "made_with": [{"codeio": "0.1"}, {"codeio": "0.2"}],
    }
    now = {
        **recorded,
        "model": "n",
        "options": {"turns": 2, "seed": 0, "quick": True},
        "command": "codeio build",
    }
    before = write_version(tmp_path / "old", rows(turns={"model": "m"}), provenance=recorded)
    after = write_version(tmp_path / "new", rows(turns={"model": "n"}), provenance=now)
    result = changes(before, after)
    assert result.made_differently == (
        Difference("model", "m", "n"),
        Difference("options.quick", None, True),
        Difference("options.turns", 1, 2),
        Difference("turns.model", ["m"], ["n"]),
    )
    assert "not recorded" in shown(result)
    assert "made differently, options.turns: 1 → 2" in markdown(result)
    without_provenance = Version("old", before.folder, {})
    assert [difference.what for difference in changes(without_provenance, after).made_differently] == [
        "turns.model"
    ]


def test_json_has_everything(tmp_path):
    result = changes(write_version(tmp_path / "old", rows()), write_version(tmp_path / "new", rows(sample=1)))
    as_json = json.loads(json.dumps(result.to_json()))
    assert as_json["tables"]["codeio"]["groups"][0] == {
        "change": "added",
        "why": ["sample"],
        "n_rows": 1,
        "examples": ["f.u.p.t/1"],
    }
