"""Repositories: which accounts may create, see, change and remove them."""

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub


def create(name: str, private: bool = False, exist_ok: bool = False) -> str:
    from huggingface_hub import HfApi

    return HfApi().create_repo(name, repo_type="dataset", private=private, exist_ok=exist_ok).repo_id


def create_and_describe(name: str) -> dict[str, object]:
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(name, repo_type="dataset", private=True)
    info = api.dataset_info(name, files_metadata=True)
    siblings = info.siblings or []
    return {
        "id": info.id,
        "author": info.author,
        "private": info.private,
        "sha": info.sha,
        "sizes": {file.rfilename: file.size for file in siblings},
        "ids": {file.rfilename: file.blob_id for file in siblings},
    }


def exists(name: str) -> bool:
    from huggingface_hub import HfApi

    return HfApi().repo_exists(name, repo_type="dataset")


def delete(name: str, missing_ok: bool = False) -> None:
    from huggingface_hub import HfApi

    HfApi().delete_repo(name, repo_type="dataset", missing_ok=missing_ok)


def test_a_new_repository_has_one_commit(hub_client: Client, local_hub: LocalHub) -> None:
    described = hub_client.run(create_and_describe, "ada/data")
    repository = local_hub.repositories.get("ada/data")
    assert repository is not None
    first = repository.resolve("main")
    attributes = first.tree[".gitattributes"]
    assert described == {
        "id": "ada/data",
        "author": "ada",
        "private": True,
        "sha": first.oid,
        "sizes": {".gitattributes": attributes.size},
        "ids": {".gitattributes": attributes.oid},
    }
    assert first.parent is None


def test_creating_an_existing_repository_is_a_conflict(hub_client: Client) -> None:
    assert hub_client.run(create, "ada/data") == "ada/data"
    assert hub_client.run(create, "ada/data", False, True) == "ada/data"
    with pytest.raises(ClientFailed, match="already created this dataset repo") as failed:
        hub_client.run(create, "ada/data")
    assert failed.value.status == 409
    assert failed.value.kind == "HfHubHTTPError"


def test_creating_a_repository_needs_write_access_to_its_namespace(
    hub_client: Client, local_hub: LocalHub
) -> None:
    assert hub_client.run(create, "lab/data") == "lab/data"  # ada is in this organization
    with pytest.raises(ClientFailed, match="don't have the rights to create a dataset") as failed:
        hub_client.run(create, "bob/data")
    assert failed.value.status == 403
    hub_client.login("hf_ada_reads")
    with pytest.raises(ClientFailed, match="must use a write token") as failed:
        hub_client.run(create, "ada/data")
    assert failed.value.status == 403
    # With `exist_ok`, the client accepts an existing repository that the account could not have created.
    assert hub_client.run(create, "lab/data", False, True) == "lab/data"
    hub_client.login("hf_nobody")
    with pytest.raises(ClientFailed, match="Invalid credentials") as failed:
        hub_client.run(create, "ada/data")
    assert failed.value.status == 401
    assert local_hub.repositories.get("ada/data") is None


def test_a_private_repository_is_hidden_from_others(hub_client: Client) -> None:
    hub_client.run(create, "ada/data", True)
    assert hub_client.run(exists, "ada/data")
    hub_client.login("hf_bob")
    assert not hub_client.run(exists, "ada/data")
    hub_client.login(None)
    assert not hub_client.run(exists, "ada/data")


def test_a_private_repository_can_be_made_public_by_its_owner(hub_client: Client) -> None:
    def publish(name: str) -> None:
        from huggingface_hub import HfApi

        HfApi().update_repo_settings(name, private=False, repo_type="dataset")

    hub_client.run(create, "ada/data", True)
    hub_client.run(publish, "ada/data")
    hub_client.login("hf_bob")
    assert hub_client.run(exists, "ada/data")
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(publish, "ada/data")
    assert failed.value.status == 403


def test_only_its_owner_can_delete_a_repository(hub_client: Client, local_hub: LocalHub) -> None:
    hub_client.run(create, "ada/data")
    hub_client.login("hf_bob")
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(delete, "ada/data")
    assert failed.value.status == 403
    hub_client.login("hf_ada")
    hub_client.run(delete, "ada/data")
    assert local_hub.repositories.get("ada/data") is None
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(delete, "ada/data")
    assert (failed.value.kind, failed.value.status) == ("RepositoryNotFoundError", 404)
    hub_client.run(delete, "ada/data", True)


def test_a_repository_created_again_has_no_old_contents(hub_client: Client, local_hub: LocalHub) -> None:
    def create_with_file(name: str) -> None:
        from huggingface_hub import HfApi

        api = HfApi()
        api.create_repo(name, repo_type="dataset")
        api.upload_file(path_or_fileobj=b"PAR1", path_in_repo="a.parquet", repo_id=name, repo_type="dataset")

    for n_uploads in (1, 2):
        hub_client.run(create_with_file, "ada/data")
        assert len(local_hub.counters.uploads) == n_uploads
        hub_client.run(delete, "ada/data")


def test_whoami_returns_the_account_its_organizations_and_its_role(hub_client: Client) -> None:
    def identity() -> list[str]:
        from huggingface_hub import HfApi

        account = HfApi().whoami()
        organizations = [organization["name"] for organization in account["orgs"]]
        return [account["name"], *organizations, account["auth"]["accessToken"]["role"]]

    assert hub_client.run(identity) == ["ada", "lab", "write"]
    hub_client.login("hf_nobody")
    with pytest.raises(ClientFailed, match="token") as failed:
        hub_client.run(identity)
    assert failed.value.status == 401


def test_write_access_can_be_checked(hub_client: Client) -> None:
    def check(name: str) -> None:
        from huggingface_hub import HfApi

        HfApi().auth_check(name, repo_type="dataset", write=True)

    hub_client.run(create, "ada/data")
    hub_client.run(check, "ada/data")
    with pytest.raises(ClientFailed) as failed:
        hub_client.run(check, "ada/missing")
    assert failed.value.kind == "RepositoryNotFoundError"
    for token in ("hf_bob", "hf_ada_reads"):
        hub_client.login(token)
        with pytest.raises(ClientFailed) as failed:
            hub_client.run(check, "ada/data")
        assert failed.value.status == 403
