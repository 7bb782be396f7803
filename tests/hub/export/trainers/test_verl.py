"""verl's own dataset class reads its export, and its loader finds the reward."""

import json

import pyarrow.parquet as pq


def questions(file: str, cache: str) -> list[dict[str, object]]:
    import json

    from omegaconf import OmegaConf
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from verl.trainer.ppo.reward import get_custom_reward_fn
    from verl.utils.dataset.rl_dataset import RLHFDataset

    letters = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bytewise = Tokenizer(models.BPE(letters, []))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<end>", pad_token="<pad>")
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    options = {"max_prompt_length": 4096, "cache_dir": cache, "filter_overlong_prompts_workers": 1}
    rows = RLHFDataset([file], tokenizer, OmegaConf.create(options))
    reward = {"custom_reward_function": {"path": "pkg://hub.rewards", "name": "compute_score"}}
    score = get_custom_reward_fn(OmegaConf.create({"reward": reward}))
    found = []
    for row in (rows[index] for index in range(len(rows))):
        truth = row["reward_model"]["ground_truth"]
        way = json.loads(truth)["direction"]
        told = (f'{{"{way}": {json.loads(truth)[way]}}}', "I do not know.")
        extra = row["extra_info"]
        found.append(
            {
                "index": row["index"],
                "prompt": row["raw_prompt"],
                "rewards": [
                    score(
                        data_source=row["data_source"],
                        solution_str=reply,
                        ground_truth=truth,
                        extra_info=extra,
                    )
                    for reply in told
                ],
            }
        )
    return found


def test_every_question_is_asked_and_its_answer_rewarded(exported, trainer, tmp_path):
    file = exported("verl") / "train.parquet"
    found = trainer("verl").run(questions, str(file), str(tmp_path / "cache"))
    wanted = pq.read_table(file).to_pylist()
    assert [question["prompt"] for question in found] == [row["prompt"] for row in wanted]
    assert [question["index"] for question in found] == list(range(8))
    assert [question["rewards"] for question in found] == [[1.0, 0.0]] * 8
    assert {json.loads(row["reward_model"]["ground_truth"])["direction"] for row in wanted} == {
        "input",
        "output",
    }
