"""The changelog of the version to come.

In: a folder as it is to be published, and what the repository holds. Out: the changelog for its card, newest
first. Where no row differs there is nothing to add, so that publishing again changes nothing.
"""

from builders.folder import Folder
from hub.card import history
from hub.changelog import markdown
from hub.changes import changes
from hub.release import Release
from hub.versions import NoVersion, Version, version

FIRST = "The first version."


def changelog(made: Release, repo_id: str, branch: str, tag: str | None) -> str:
    """What its card is to say of changes; raises VersionError where the Hub does not answer."""
    before = _before(repo_id, branch)
    told = history(_readme(before)) if before else ""
    if before and told and _digests(before.folder) == _digests(made.folder):
        return told
    entry = markdown(changes(before, Version(tag or "now", made.folder, made.facts))) if before else FIRST
    return f"### {tag or 'untagged'}\n\n{entry.strip()}\n\n{told}".strip()


def _before(repo_id: str, branch: str) -> Version | None:
    """The version that stands there now, on a new branch that of main; None where there is none of ours."""
    for name in dict.fromkeys((branch, "main")):
        try:
            return version(f"{repo_id}@{name}")
        except NoVersion:
            pass
    return None


def _readme(before: Version) -> str:
    """Empty where somebody took it away."""
    try:
        return (before.folder.root / "README.md").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _digests(folder: Folder) -> dict[str, str]:
    return {config: folder.digest(config) for config in folder.counts()}
