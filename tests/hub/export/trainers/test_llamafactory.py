"""LLaMA-Factory's own loader and converter read every message of its export."""

import json


def aligned(folder: str, stage: str, name: str, cache: str) -> list[dict[str, object]]:
    from types import SimpleNamespace

    from llamafactory.data.loader import _get_merged_dataset

    rows = _get_merged_dataset(
        [name],
        SimpleNamespace(cache_dir=cache, hf_hub_token=None),
        SimpleNamespace(
            dataset_dir=folder,
            media_dir=folder,
            streaming=False,
            max_samples=None,
            overwrite_cache=True,
            preprocessing_num_workers=None,
        ),
        SimpleNamespace(local_process_index=0, seed=0),
        stage,
    )
    return [{key: row[key] for key in ("_system", "_prompt", "_response")} for row in rows]


def json_rows(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_message_arrives_in_its_place(exported, trainer, tmp_path):
    folder, client = exported("llamafactory"), trainer("llamafactory")
    for name in ("codeio_train", "codeio_pp_train"):
        loaded = client.run(aligned, str(folder), "sft", name, str(tmp_path / "cache"))
        exported_rows = json_rows(folder / f"{name}.jsonl")
        assert len(loaded) == len(exported_rows) == 24
        for row, exported_row in zip(loaded, exported_rows, strict=True):
            system, *messages = exported_row["messages"]
            assert row["_system"] == system["content"]
            assert [*row["_prompt"], *row["_response"]] == messages
            assert len(row["_response"]) == 1
    assert {len(row["messages"]) for row in exported_rows} == {3, 5}


def test_pairs_are_ranked_the_right_way_round(exported, trainer, tmp_path):
    folder, client = exported("llamafactory"), trainer("llamafactory")
    loaded = client.run(aligned, str(folder), "rm", "preference_train", str(tmp_path / "cache"))
    exported_rows = json_rows(folder / "preference_train.jsonl")
    assert len(loaded) == len(exported_rows) == 8
    for row, exported_row in zip(loaded, exported_rows, strict=True):
        assert row["_prompt"] == exported_row["messages"][1:]
        assert row["_response"] == [exported_row["chosen"], exported_row["rejected"]]
