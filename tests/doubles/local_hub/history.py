"""A repository: its commits, and the refs that name some of them.

In: trees to commit, revisions to look up. Out: `Commit`s, with the ids that git would give them. A commit
never changes and a ref moves in one step, so a reader sees all of a commit or nothing of it.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .errors import Refused, bad_request, revision_not_found
from .objects import Objects, git_oid
from .trees import Tree, content_id, folder_ids

MAIN = "refs/heads/main"
# Approximately the names that git accepts for a ref.
_NAME = re.compile(
    r"(?!.*(?:\.\.|//|@\{|\.lock$|\.$|/$))[^\x00-\x20\x7f~^:?*\[\\./-][^\x00-\x20\x7f~^:?*\[\\]*"
)
_SHORTEST_ID = 7


def api_date(date: datetime) -> str:
    """Return a date in the format of the API."""
    return date.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass(frozen=True, eq=False)
class Commit:
    oid: str
    tree: Tree
    parent: "Commit | None"
    title: str
    message: str
    author: str
    date: datetime

    def log(self) -> Iterator["Commit"]:
        """Yield this commit and those before it, back to the first."""
        commit: Commit | None = self
        while commit:
            yield commit
            commit = commit.parent

    def last_change(self, path: str) -> "Commit":
        """Return the commit that gave `path` the content that it has in this one."""
        content = content_id(self.tree, path)
        last = self
        for commit in self.log():
            if content_id(commit.tree, path) != content:
                break
            last = commit
        return last


def new_commit(tree: Tree, parent: Commit | None, title: str, message: str, author: str) -> Commit:
    date = datetime.now(UTC).replace(microsecond=0)
    identity = f"{author} <{author}@users.noreply.huggingface.co> {int(date.timestamp())} +0000"
    lines = [f"tree {folder_ids(tree)['']}", *([f"parent {parent.oid}"] if parent else [])]
    lines += [f"author {identity}", f"committer {identity}", "", title, *(["", message] if message else [])]
    oid = git_oid("commit", ("\n".join(lines) + "\n").encode())
    return Commit(oid, dict(tree), parent, title, message, author, date)


@dataclass
class PullRequest:
    number: int
    title: str
    description: str
    author: str
    status: str
    date: datetime = field(default_factory=lambda: datetime.now(UTC))


class Repository:
    """A repository of the Hub; hold `lock` to change it."""

    def __init__(self, name: str, uid: str, private: bool, objects: Objects, first: Commit) -> None:
        self.name = name
        self.uid = uid
        self.private = private
        self.objects = objects
        self.created = first.date
        self.refs: dict[str, Commit] = {MAIN: first}
        self.commits: dict[str, Commit] = {first.oid: first}
        self.pull_requests: list[PullRequest] = []
        self.lock = threading.RLock()

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    def resolve(self, revision: str) -> Commit:
        """Return the commit that a branch, a tag, a full ref or a (shortened) commit id names."""
        for ref in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if commit := self.refs.get(ref):
                return commit
        if re.fullmatch(rf"[0-9a-f]{{{_SHORTEST_ID},40}}", revision):
            commits = [commit for oid, commit in list(self.commits.items()) if oid.startswith(revision)]
            if len(commits) == 1:
                return commits[0]
        raise revision_not_found(revision)

    def ref_to_move(self, revision: str) -> str:
        """Return the ref of a branch or a pull request, which a commit to `revision` moves."""
        for ref in (f"refs/heads/{revision}", revision):
            if ref in self.refs and not ref.startswith("refs/tags/"):
                return ref
        raise revision_not_found(revision)

    def add_commit(self, ref: str, commit: Commit) -> None:
        """Add `commit`, then move `ref` to it."""
        with self.lock:
            self.commits[commit.oid] = commit
            self.refs[ref] = commit

    def add_ref(self, ref: str, commit: Commit, message: str) -> None:
        """Add a ref; raise Refused with this message if it exists already."""
        with self.lock:
            if ref in self.refs:
                raise Refused(409, message)
            self.refs[ref] = commit

    def remove_ref(self, ref: str) -> None:
        with self.lock:
            if ref == MAIN:
                raise Refused(403, f"Cannot delete {ref}")
            if ref not in self.refs:
                raise revision_not_found(ref.split("/", 2)[2])
            del self.refs[ref]

    def open_pull_request(
        self, title: str, description: str, author: str, status: str, commit: Commit
    ) -> PullRequest:
        with self.lock:
            pull_request = PullRequest(len(self.pull_requests) + 1, title, description, author, status)
            self.add_commit(f"refs/pr/{pull_request.number}", commit)
            self.pull_requests.append(pull_request)
        return pull_request


def checked_name(kind: str, name: str) -> str:
    """Return `name` if a branch or a tag may have it; raise Refused otherwise."""
    if name.startswith("refs/") or not _NAME.fullmatch(name):
        raise bad_request(f"Invalid reference for a {kind}: {name}")
    return name
