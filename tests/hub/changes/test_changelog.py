"""The changes in words, for terminal and card."""

from hub.changes.changelog import markdown
from hub.changes.compare import changes
from hub.versions import Version
from tests.hub.changes.versions import rows, shown, write_version


def test_text_of_strangers_is_no_markup(tmp_path):
    bad = "<b>|\x1b[31m[red]\n# x"
    before = write_version(tmp_path / "old", rows())
    after = write_version(tmp_path / "new", rows(turns={"status": bad}), provenance={"model": bad})
    result = changes(Version(bad, before.folder, {"model": "m"}), after)
    for text in (shown(result), markdown(result)):
        assert "\x1b" not in text
        assert "\n# x" not in text
    assert "[red]" in shown(result)
    assert "&lt;b&gt;\\|" in markdown(result)
