"""Repositories: creating, changing, removing and describing them.

Not covered: lists of repositories, renaming, and the `expand` parameter, which limits the Hub's answer to the
requested fields.
"""

from typing import Any

from ..card import metadata
from ..errors import bad_request
from ..exchange import Call, Reply, json_reply, member
from ..history import api_date
from ..routes import route
from ..trees import Tree


@route("POST", "/api/repos/create")
def create(call: Call) -> Reply:
    asked = call.json()
    namespace, name = _wanted(call, asked)
    call.sender().check_writing(namespace, "create a dataset")
    private = asked.get("visibility") == "private" or asked.get("private") is True
    url = f"{call.hub.url}/datasets/{namespace}/{name}"
    made = call.hub.repositories.create(namespace, name, private, call.sender().name, url)
    return json_reply({"url": url, "name": made.name, "id": made.uid})


@route("DELETE", "/api/repos/delete")
def delete(call: Call) -> Reply:
    namespace, name = _wanted(call, call.json())
    call.hub.repositories.remove(call.writable("delete a dataset", f"{namespace}/{name}"))
    return json_reply({})


@route("PUT", "/api/datasets/{repo}/settings")
def change(call: Call) -> Reply:
    repository = call.writable("change a dataset")
    asked = call.json()
    repository.private = asked.get("visibility", "private" if asked.get("private") else "public") == "private"
    return json_reply({"private": repository.private})


@route("GET HEAD", "/api/datasets/{repo}")
@route("GET HEAD", "/api/datasets/{repo}/revision/{revision}")
def describe(call: Call) -> Reply:
    repository, commit = call.repository(), call.commit()
    readme = commit.tree.get("README.md")
    card = metadata(repository.objects.path(readme).read_text(errors="replace")) if readme else None
    return json_reply(
        {
            "_id": repository.uid,
            "id": repository.name,
            "author": repository.owner,
            "sha": commit.oid,
            "createdAt": api_date(repository.created),
            "lastModified": api_date(commit.date),
            "private": repository.private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "usedStorage": sum(entry.size for entry in commit.tree.values()),
            "siblings": _siblings(commit.tree, with_sizes=call.is_on("blobs")),
            **({"cardData": card} if card else {}),
        }
    )


def _wanted(call: Call, asked: dict[str, Any]) -> tuple[str, str]:
    if member(asked, "type", str, "model") != "dataset":
        raise bad_request("This hub has data sets only")
    namespace = member(asked, "organization", str, call.sender().name)
    return namespace, member(asked, "name", str)


def _siblings(tree: Tree, with_sizes: bool) -> list[dict[str, Any]]:
    if not with_sizes:
        return [{"rfilename": path} for path in sorted(tree)]
    return [
        {
            "rfilename": path,
            "blobId": entry.oid,
            "size": entry.size,
            **(
                {"lfs": {"sha256": entry.sha256, "size": entry.size, "pointerSize": entry.pointer_size}}
                if entry.sha256
                else {}
            ),
        }
        for path, entry in sorted(tree.items())
    ]
