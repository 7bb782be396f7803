"""Branches and tags."""

from ..history import checked_name
from ..messages import Reply, Request, json_reply, member
from ..routes import route


@route("GET", "/api/datasets/{repo}/refs")
def list_refs(request: Request) -> Reply:
    repository = request.repository()
    kinds = {"branches": "refs/heads/", "tags": "refs/tags/", "converts": "refs/convert/"}
    if request.is_on("include_prs"):
        kinds["pullRequests"] = "refs/pr/"
    commit_ids = sorted((ref, commit.oid) for ref, commit in repository.refs.copy().items())
    return json_reply(
        {
            kind: [
                {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": oid}
                for ref, oid in commit_ids
                if ref.startswith(prefix)
            ]
            for kind, prefix in kinds.items()
        }
    )


@route("POST", "/api/datasets/{repo}/branch/{branch}")
def create_branch(request: Request) -> Reply:
    repository = request.writable_repository("create a branch")
    ref = f"refs/heads/{checked_name('branch', request.parameters['branch'])}"
    start = member(request.json(), "startingPoint", str, "main")
    repository.add_ref(ref, repository.resolve(start), f"Reference already exists: {ref}")
    return json_reply({})


@route("DELETE", "/api/datasets/{repo}/branch/{branch}")
def delete_branch(request: Request) -> Reply:
    request.writable_repository("delete a branch").remove_ref(f"refs/heads/{request.parameters['branch']}")
    return json_reply({})


@route("POST", "/api/datasets/{repo}/tag/{revision}")
def create_tag(request: Request) -> Reply:
    repository = request.writable_repository("create a tag")
    name = checked_name("tag", member(request.json(), "tag", str))
    repository.add_ref(
        f"refs/tags/{name}", request.commit(), f"Tag reference exists already: refs/tags/{name}"
    )
    return json_reply({})


@route("DELETE", "/api/datasets/{repo}/tag/{tag}")
def delete_tag(request: Request) -> Reply:
    request.writable_repository("delete a tag").remove_ref(f"refs/tags/{request.parameters['tag']}")
    return json_reply({})
