"""Branches and tags."""

from ..exchange import Call, Reply, json_reply, member
from ..history import checked_name
from ..routes import route


@route("GET", "/api/datasets/{repo}/refs")
def refs(call: Call) -> Reply:
    repository = call.repository()
    kinds = {"branches": "refs/heads/", "tags": "refs/tags/", "converts": "refs/convert/"}
    if call.is_on("include_prs"):
        kinds["pullRequests"] = "refs/pr/"
    at = sorted((ref, commit.oid) for ref, commit in repository.refs.copy().items())
    return json_reply(
        {
            kind: [
                {"name": ref.removeprefix(start), "ref": ref, "targetCommit": oid}
                for ref, oid in at
                if ref.startswith(start)
            ]
            for kind, start in kinds.items()
        }
    )


@route("POST", "/api/datasets/{repo}/branch/{branch}")
def create_branch(call: Call) -> Reply:
    repository = call.writable("create a branch")
    ref = f"refs/heads/{checked_name('branch', call.names['branch'])}"
    start = member(call.json(), "startingPoint", str, "main")
    repository.add_ref(ref, repository.find(start), f"Reference already exists: {ref}")
    return json_reply({})


@route("DELETE", "/api/datasets/{repo}/branch/{branch}")
def delete_branch(call: Call) -> Reply:
    call.writable("delete a branch").remove_ref(f"refs/heads/{call.names['branch']}")
    return json_reply({})


@route("POST", "/api/datasets/{repo}/tag/{revision}")
def create_tag(call: Call) -> Reply:
    repository = call.writable("create a tag")
    name = checked_name("tag", member(call.json(), "tag", str))
    repository.add_ref(f"refs/tags/{name}", call.commit(), f"Tag reference exists already: refs/tags/{name}")
    return json_reply({})


@route("DELETE", "/api/datasets/{repo}/tag/{tag}")
def delete_tag(call: Call) -> Reply:
    call.writable("delete a tag").remove_ref(f"refs/tags/{call.names['tag']}")
    return json_reply({})
