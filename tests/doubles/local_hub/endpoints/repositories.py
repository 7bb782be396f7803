"""Repositories: creating, changing, removing and describing them.

Not covered: lists of repositories, renaming, and the `expand` parameter, which limits the Hub's answer to the
requested fields.
"""

from typing import Any

from ..card import metadata
from ..errors import bad_request
from ..history import api_date
from ..messages import Reply, Request, json_reply, member
from ..routes import route
from ..trees import Tree


@route("POST", "/api/repos/create")
def create(request: Request) -> Reply:
    fields = request.json()
    namespace, name = _namespace_and_name(request, fields)
    request.sender().check_writing(namespace, "create a dataset")
    private = fields.get("visibility") == "private" or fields.get("private") is True
    url = f"{request.hub.url}/datasets/{namespace}/{name}"
    repository = request.hub.repositories.create(namespace, name, private, request.sender().name, url)
    return json_reply({"url": url, "name": repository.name, "id": repository.uid})


@route("DELETE", "/api/repos/delete")
def delete(request: Request) -> Reply:
    namespace, name = _namespace_and_name(request, request.json())
    request.hub.repositories.remove(request.writable_repository("delete a dataset", f"{namespace}/{name}"))
    return json_reply({})


@route("PUT", "/api/datasets/{repo}/settings")
def change_settings(request: Request) -> Reply:
    repository = request.writable_repository("change a dataset")
    fields = request.json()
    repository.private = (
        fields.get("visibility", "private" if fields.get("private") else "public") == "private"
    )
    return json_reply({"private": repository.private})


@route("GET HEAD", "/api/datasets/{repo}")
@route("GET HEAD", "/api/datasets/{repo}/revision/{revision}")
def describe(request: Request) -> Reply:
    repository, commit = request.repository(), request.commit()
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
            "siblings": _siblings(commit.tree, with_sizes=request.is_on("blobs")),
            **({"cardData": card} if card else {}),
        }
    )


def _namespace_and_name(request: Request, fields: dict[str, Any]) -> tuple[str, str]:
    if member(fields, "type", str, "model") != "dataset":
        raise bad_request("This hub has data sets only")
    namespace = member(fields, "organization", str, request.sender().name)
    return namespace, member(fields, "name", str)


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
