"""The next version, compared with the one before it.

In: what the repository holds, and the folder to publish. Out: the version before, and the changelog for the
next card, newest entry first. If no row differs, the changelog stays as it is, so that publishing again
changes nothing.
Tested in tests/hub/publish/test_release.py.
"""

from contextlib import suppress

from builders.tables.folder import Folder
from hub.card.card import changelog_in
from hub.changes.changelog import markdown
from hub.changes.compare import changes
from hub.publish.release import Release
from hub.versions import NoVersion, Version, open_version

FIRST = "The first version."


def previous_version(repo_id: str, branch: str) -> Version | None:
    """Return what the branch holds, or main if there is no such branch yet; None if neither is a version.

    Raises VersionError if the Hub does not answer.
    """
    for revision in dict.fromkeys((branch, "main")):
        with suppress(NoVersion):
            return open_version(f"{repo_id}@{revision}")
    return None


def changelog(made: Release, before: Version | None, tag: str | None) -> str:
    """Return the changelog for the card; raises VersionError if a file of either version is damaged."""
    entries = changelog_in(_readme(before)) if before else ""
    if before and entries and _digests(before.folder) == _digests(made.folder):
        return entries
    entry = markdown(changes(before, Version(tag or "now", made.folder, made.facts))) if before else FIRST
    return f"### {tag or 'untagged'}\n\n{entry.strip()}\n\n{entries}".strip()


def _readme(before: Version) -> str:
    """Return a version's README; empty if somebody deleted it."""
    try:
        return (before.folder.root / "README.md").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _digests(folder: Folder) -> dict[str, str]:
    return {config: folder.digest(config) for config in folder.counts()}
