"""The changelog of the next version, from a comparison with the version before it.

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
    """Return the version on the branch, or on main if there is no such branch yet; None if there is none.

    Raises VersionError if the Hub does not answer.
    """
    for revision in dict.fromkeys((branch, "main")):
        with suppress(NoVersion):
            return open_version(f"{repo_id}@{revision}")
    return None


def changelog(release: Release, previous: Version | None, tag: str | None) -> str:
    """Return the changelog for the card. Raises VersionError if a file of either version is damaged."""
    entries = changelog_in(_readme(previous)) if previous else ""
    if previous and entries and _digests(previous.folder) == _digests(release.folder):
        return entries
    entry = FIRST
    if previous:
        entry = markdown(changes(previous, Version(tag or "now", release.folder, release.facts)))
    return f"### {tag or 'untagged'}\n\n{entry.strip()}\n\n{entries}".strip()


def _readme(previous: Version) -> str:
    """Return a version's README; empty if somebody deleted it."""
    try:
        return (previous.folder.root / "README.md").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _digests(folder: Folder) -> dict[str, str]:
    return {config: folder.digest(config) for config in folder.counts()}
