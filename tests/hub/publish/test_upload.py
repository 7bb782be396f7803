"""Uploads to a local Hub by the real client, with faults; the contents of the files do not matter here."""

import random

import pytest

from tests.doubles.local_hub import Client, ClientFailed, LocalHub

REPO = "ada/data"


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a version: two tables of several files, a card, and what ships with them."""
    version = tmp_path / "made"
    content = random.Random(0)
    for config in ("tasks", "codeio_pp"):
        (version / config).mkdir(parents=True)
        for number in range(3):
            file = version / config / f"train-{number:05d}-of-00003.parquet"
            file.write_bytes(content.randbytes(10_000))
    (version / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# Data\n")
    (version / "verifier.py").write_text("# rules\n")
    (version / "prompts").mkdir()
    (version / "prompts" / "task.md").write_text("Predict.\n")
    (version / ".codeio").mkdir()
    (version / ".codeio" / "run.json").write_text("{}")
    return version


def publish_folder(folder: str, repo_id: str, options: dict[str, object]) -> dict[str, object]:
    from pathlib import Path

    import hub.publish.upload
    from hub.publish.upload import Target, publish

    hub.publish.upload.FIRST_PAUSE_S = hub.publish.upload.MAX_PAUSE_S = 0.01
    published = publish(Path(folder), Target(repo_id, **options), "A version")
    plan = published.plan
    return {
        "oid": published.oid,
        "url": published.url,
        "added": sorted(plan.added),
        "changed": sorted(plan.changed),
        "removed": sorted(plan.removed),
        "n_unchanged": plan.n_unchanged,
    }


def plan(folder: str, repo_id: str, options: dict[str, object]) -> list[str]:
    from pathlib import Path

    from hub.publish.upload import Target, plan_upload

    return sorted(plan_upload(Path(folder), Target(repo_id, **options)).added)


def on_disk(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".codeio" not in path.parts
    }


def on_hub(local_hub: LocalHub, revision="main"):
    files = local_hub.files(REPO, revision)
    del files[".gitattributes"]
    return files


def test_a_version_is_one_commit_and_a_tag(hub_client: Client, local_hub: LocalHub, folder):
    result = hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.0.0"})
    assert on_hub(local_hub) == on_hub(local_hub, "v1.0.0") == on_disk(folder)
    assert set(result["added"]) == set(on_disk(folder))
    assert local_hub.counters.statuses("POST", "/commit/") == [200]


def test_publishing_the_same_version_again_changes_nothing(hub_client: Client, local_hub: LocalHub, folder):
    first = hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.0.0"})
    local_hub.counters.clear()
    again = hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.0.0"})
    assert (again["oid"], again["url"], again["n_unchanged"]) == (first["oid"], None, len(on_disk(folder)))
    assert local_hub.counters.statuses("POST", "/commit/") == []
    assert local_hub.counters.uploads == []


def test_a_new_version_uploads_only_new_content_and_removes_old_files(
    hub_client: Client, local_hub: LocalHub, folder
):
    hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.0.0"})
    before = on_hub(local_hub)
    local_hub.commit(REPO, {"LICENSE": b"ours to keep", "notes/mine.txt": b"not ours"})
    local_hub.counters.clear()
    for number in range(3):  # with a fourth file, the names of the other three change, but not their contents
        old = folder / "tasks" / f"train-{number:05d}-of-00003.parquet"
        old.rename(old.with_name(f"train-{number:05d}-of-00004.parquet"))
    (folder / "tasks" / "train-00003-of-00004.parquet").write_bytes(b"new" * 1000)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# Data, grown\n")
    result = hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.1.0"})
    assert result["changed"] == ["README.md"]
    assert result["removed"] == [f"tasks/train-{number:05d}-of-00003.parquet" for number in range(3)]
    assert local_hub.counters.n_uploaded_bytes == 3000
    assert on_hub(local_hub, "v1.0.0") == before
    files_of_others = {"LICENSE": b"ours to keep", "notes/mine.txt": b"not ours"}
    assert on_hub(local_hub) == {**on_disk(folder), **files_of_others}


def test_a_published_version_cannot_be_replaced(hub_client: Client, local_hub: LocalHub, folder):
    hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.0.0"})
    before = on_hub(local_hub)
    (folder / "verifier.py").write_text("# other rules\n")
    for function in (publish_folder, plan):
        with pytest.raises(ClientFailed, match=r"has a version v1\.0\.0 already") as failed:
            hub_client.run(function, str(folder), REPO, {"tag": "v1.0.0"})
        assert failed.value.kind == "PublishError"
    assert on_hub(local_hub) == before


def test_a_plan_changes_nothing_on_the_hub(hub_client: Client, local_hub: LocalHub, folder):
    assert hub_client.run(plan, str(folder), REPO, {"tag": "v1.0.0"}) == sorted(on_disk(folder))
    assert local_hub.repositories.get(REPO) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/commit/main"),
        ("POST", "/preupload/"),
        ("POST", "/objects/batch"),
        ("POST", "/repos/create"),
        ("POST", "/tag/"),
        ("GET", "/tree/"),
        ("GET", "/refs"),
    ],
)
@pytest.mark.parametrize("status", [429, 500, 524])
def test_a_request_to_a_busy_hub_is_retried(
    hub_client: Client, local_hub: LocalHub, folder, method, path, status
):
    local_hub.faults.refuse(method, path, status, retry_after_s=0 if status == 429 else None)
    hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.0.0"})
    assert on_hub(local_hub) == on_hub(local_hub, "v1.0.0") == on_disk(folder)


@pytest.mark.parametrize("status", [409, 412])
def test_a_commit_of_somebody_else_in_between_is_kept(
    hub_client: Client, local_hub: LocalHub, folder, status
):
    hub_client.run(publish_folder, str(folder), REPO, {})
    (folder / "verifier.py").write_text("# new rules\n")
    local_hub.faults.precede(
        "POST", "/commit/main", lambda: local_hub.commit(REPO, {"notes.txt": b"mine"}, "main")
    )
    local_hub.counters.clear()
    hub_client.run(publish_folder, str(folder), REPO, {})
    assert on_hub(local_hub) == {**on_disk(folder), "notes.txt": b"mine"}
    assert local_hub.counters.statuses("POST", "/commit/") == [412, 200]
    (folder / "verifier.py").write_text("# newer rules\n")
    local_hub.faults.refuse("POST", "/commit/main", status)
    hub_client.run(publish_folder, str(folder), REPO, {})
    assert on_hub(local_hub)["verifier.py"] == b"# newer rules\n"


def test_a_version_of_somebody_else_in_between_is_not_overwritten(
    hub_client: Client, local_hub: LocalHub, folder
):
    hub_client.run(publish_folder, str(folder), REPO, {})
    (folder / "verifier.py").write_text("# new rules\n")
    local_hub.faults.precede(
        "POST", "/commit/main", lambda: local_hub.commit(REPO, {"README.md": b"# theirs"}, "main")
    )
    with pytest.raises(ClientFailed, match="Somebody else published to ada/data meanwhile"):
        hub_client.run(publish_folder, str(folder), REPO, {})
    assert on_hub(local_hub)["README.md"] == b"# theirs"
    hub_client.run(publish_folder, str(folder), REPO, {})
    assert on_hub(local_hub) == on_disk(folder)


@pytest.mark.parametrize(
    "tag", ["", " ", "v 1", "v1..2", ".v1", "v1.", "v1.lock", "-v1", "a/b", "v1~", "v\n1"]
)
def test_an_invalid_tag_is_refused_before_anything_is_sent(tag):
    from hub.publish.upload import PublishError, Target

    with pytest.raises(PublishError, match="is not a valid tag"):
        Target(REPO, tag=tag)
    assert Target(REPO, tag="v1.0.0-rc.1+local_2").tag


def test_a_lost_reply_does_not_lead_to_a_second_commit(hub_client: Client, local_hub: LocalHub, folder):
    local_hub.faults.lose_reply("POST", "/commit/main")
    result = hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.0.0"})
    assert on_hub(local_hub, "v1.0.0") == on_hub(local_hub, result["oid"]) == on_disk(folder)
    assert len(local_hub.counters.statuses("POST", "/commit/")) == 1


@pytest.mark.parametrize("killed_at", [("PUT", "/"), ("POST", "/commit/"), ("POST", "/tag/")])
def test_publishing_again_completes_what_was_killed(
    hub_client: Client, local_hub: LocalHub, folder, killed_at
):
    hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.0.0"})
    before = on_hub(local_hub)
    for file in folder.glob("*/*.parquet"):
        file.write_bytes(file.read_bytes() + b"more")
    local_hub.counters.clear()
    local_hub.faults.precede(*killed_at, hub_client.kill)
    with pytest.raises(RuntimeError, match="ended"):
        hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.1.0"})
    assert on_hub(local_hub) in (before, on_disk(folder))
    result = hub_client.run(publish_folder, str(folder), REPO, {"tag": "v1.1.0"})
    assert on_hub(local_hub) == on_hub(local_hub, "v1.1.0") == on_disk(folder)
    assert on_hub(local_hub, "v1.0.0") == before
    repository = local_hub.repositories.get(REPO)
    assert repository.refs["refs/tags/v1.1.0"].oid == result["oid"]
    assert [commit.title for commit in repository.resolve("main").log()].count("A version") == 2
    if killed_at != ("PUT", "/"):  # an upload that was killed may or may not be complete
        sizes = [file.stat().st_size for file in folder.glob("*/*.parquet")]
        assert local_hub.counters.n_uploaded_bytes == sum(sizes)


def test_an_interrupted_upload_is_sent_again(hub_client: Client, local_hub: LocalHub, folder):
    local_hub.faults.drop("PUT", "/", n_bytes=5000, times=2)
    hub_client.run(publish_folder, str(folder), REPO, {})
    assert on_hub(local_hub) == on_disk(folder)


def test_a_version_can_be_published_to_a_branch_or_as_a_pull_request(
    hub_client: Client, local_hub: LocalHub, folder
):
    hub_client.run(publish_folder, str(folder), REPO, {})
    before = on_hub(local_hub)
    (folder / "verifier.py").write_text("# new rules\n")
    hub_client.run(publish_folder, str(folder), REPO, {"branch": "next", "tag": "v2.0.0-rc1"})
    assert on_hub(local_hub, "next") == on_hub(local_hub, "v2.0.0-rc1") == on_disk(folder)
    result = hub_client.run(publish_folder, str(folder), REPO, {"create_pr": True})
    assert on_hub(local_hub, "refs/pr/1") == on_disk(folder)
    assert "/discussions/1" in result["url"]
    assert on_hub(local_hub) == before


def test_publishing_again_does_not_open_a_second_pull_request(
    hub_client: Client, local_hub: LocalHub, folder
):
    hub_client.run(publish_folder, str(folder), REPO, {})
    (folder / "verifier.py").write_text("# new rules\n")
    local_hub.faults.lose_reply("POST", "/commit/")
    result = hub_client.run(publish_folder, str(folder), REPO, {"create_pr": True})
    again = hub_client.run(publish_folder, str(folder), REPO, {"create_pr": True})
    assert again == result
    assert result["url"].endswith("/discussions/1")
    assert len(local_hub.repositories.get(REPO).pull_requests) == 1
    (folder / "verifier.py").write_text("# newer rules\n")
    changed = hub_client.run(publish_folder, str(folder), REPO, {"create_pr": True})
    assert changed["url"].endswith("/discussions/2")


def test_the_plan_for_a_new_branch_compares_with_main(hub_client: Client, local_hub: LocalHub, folder):
    hub_client.run(publish_folder, str(folder), REPO, {})
    (folder / "prompts" / "more.md").write_text("Explain.\n")
    planned = hub_client.run(plan, str(folder), REPO, {"branch": "next"})
    assert planned == hub_client.run(publish_folder, str(folder), REPO, {"branch": "next"})["added"]
    assert planned == ["prompts/more.md"]


def test_a_pull_request_does_not_create_a_branch(hub_client: Client, local_hub: LocalHub, folder):
    hub_client.run(publish_folder, str(folder), REPO, {})
    (folder / "verifier.py").write_text("# better rules\n")
    hub_client.login("hf_bob")
    with pytest.raises(ClientFailed, match="next") as failed:
        hub_client.run(publish_folder, str(folder), REPO, {"create_pr": True, "branch": "next"})
    assert failed.value.kind == "PublishError"
    assert "refs/heads/next" not in local_hub.repositories.get(REPO).refs


def test_a_new_repository_can_be_private(hub_client: Client, local_hub: LocalHub, folder):
    hub_client.run(publish_folder, str(folder), REPO, {"private": True})
    assert local_hub.repositories.get(REPO).private


@pytest.mark.parametrize("token", [None, "hf_ada_reads", "hf_bob"])
def test_a_user_without_write_access_gets_an_error(hub_client: Client, local_hub: LocalHub, folder, token):
    hub_client.run(publish_folder, str(folder), REPO, {})
    (folder / "verifier.py").write_text("# theirs\n")
    hub_client.login(token)
    with pytest.raises(ClientFailed, match="HF_TOKEN") as failed:
        hub_client.run(publish_folder, str(folder), REPO, {})
    assert failed.value.kind == "PublishError"


def check_access(repo_id: str, options: dict[str, object]) -> None:
    from hub.publish.upload import Target, check_access

    check_access(Target(repo_id, **options))


def test_read_access_is_enough_to_open_a_pull_request(hub_client: Client, local_hub: LocalHub, folder):
    hub_client.run(publish_folder, str(folder), REPO, {})
    (folder / "verifier.py").write_text("# better rules\n")
    hub_client.login("hf_bob")
    with pytest.raises(ClientFailed, match="HF_TOKEN"):
        hub_client.run(check_access, REPO, {})
    hub_client.run(check_access, REPO, {"create_pr": True})
    result = hub_client.run(publish_folder, str(folder), REPO, {"create_pr": True})
    assert "/discussions/1" in result["url"]
    assert on_hub(local_hub, "refs/pr/1") == on_disk(folder)


@pytest.mark.parametrize("name", ["a/b/c", "no spaces/here", "--/--"])
def test_an_invalid_repository_name_is_refused(hub_client: Client, folder, name):
    with pytest.raises(ClientFailed, match="OWNER/NAME") as failed:
        hub_client.run(plan, str(folder), name, {})
    assert failed.value.kind == "PublishError"
