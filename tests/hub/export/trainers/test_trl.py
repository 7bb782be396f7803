"""TRL's trainers take a step on its export, and their losses cover the right tokens.

The model is tiny and untrained. Each byte is a token, so that the tokens of a loss can be decoded.
"""

import pyarrow.parquet as pq


def trained(folder: str, kind: str, config: str, scratch: str) -> dict[str, object]:
    """Take one training step; return the texts or rewards that it used."""
    import json

    from datasets import load_dataset
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
    from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

    from hub.rewards import io_prediction_reward

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytewise = Tokenizer(models.BPE({letter: index for index, letter in enumerate(alphabet)}, []))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bytewise.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<end>", pad_token="<pad>")
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content }}<end>{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
    )

    def model() -> Qwen2ForCausalLM:
        return Qwen2ForCausalLM(
            Qwen2Config(
                vocab_size=len(tokenizer),
                hidden_size=8,
                intermediate_size=8,
                num_hidden_layers=1,
                num_attention_heads=1,
                num_key_value_heads=1,
            )
        )

    rows = load_dataset(folder, config, split="train")
    named = {"train_dataset": rows, "processing_class": tokenizer}
    usual = {
        "output_dir": scratch,
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": "none",
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
    }
    if kind == "sft":
        arguments = SFTConfig(**usual, max_length=None, assistant_only_loss=config == "codeio_pp")
        trainer = SFTTrainer(model(), arguments, **named)
        labels = [[label for label in row["labels"] if label != -100] for row in trainer.train_dataset]
        found = {"learnt": tokenizer.batch_decode(labels)}
    elif kind == "dpo":
        trainer = DPOTrainer(model(), model(), DPOConfig(**usual, max_length=None), **named)
        columns = ("prompt_ids", "chosen_ids", "rejected_ids")
        found = {column: tokenizer.batch_decode(trainer.train_dataset[column][:]) for column in columns}
    else:
        found = {"given": [], "of the truth": []}

        def reward(prompts, completions, **columns):
            rewards = io_prediction_reward(prompts, completions, **columns)
            halves = zip(columns["direction"], columns["input"], columns["output"], strict=True)
            told = [f'{{"{way}": {given if way == "input" else back}}}' for way, given, back in halves]
            found["given"] += rewards
            found["of the truth"] += io_prediction_reward(prompts, told, **columns)
            return rewards

        arguments = GRPOConfig(**usual, num_generations=2, max_completion_length=4)
        trainer = GRPOTrainer(model(), reward, arguments, **named)
    trainer.train()
    return json.loads(json.dumps(found))


def run(exported, trainer, kind, config, tmp_path):
    folder = exported("trl")
    client = trainer("trl")
    found = client.run(trained, str(folder), kind, config, str(tmp_path / "scratch"))
    return found, pq.read_table(folder / f"{config}_train.parquet").to_pylist()


def ended(messages):
    return "".join(f"{message['content']}<end>" for message in messages if message["role"] == "assistant")


def test_sft_learns_the_first_answers_alone(exported, trainer, tmp_path):
    found, rows = run(exported, trainer, "sft", "codeio", tmp_path)
    assert found["learnt"] == [ended(row["completion"]) for row in rows]
    assert len(rows) == 24


def test_sft_learns_every_answer_but_no_feedback(exported, trainer, tmp_path):
    found, rows = run(exported, trainer, "sft", "codeio_pp", tmp_path)
    assert found["learnt"] == [ended(row["messages"]) for row in rows]
    assert {text.count("<end>") for text in found["learnt"]} == {1, 2}


def test_dpo_prefers_the_right_answer(exported, trainer, tmp_path):
    found, rows = run(exported, trainer, "dpo", "preference", tmp_path)
    assert found["chosen_ids"] == [ended(row["chosen"]) for row in rows]
    assert found["rejected_ids"] == [ended(row["rejected"]) for row in rows]
    for text, row in zip(found["prompt_ids"], rows, strict=True):
        assert text == "".join(f"<{m['role']}>{m['content']}" for m in row["prompt"]) + "<assistant>"


def test_grpo_is_rewarded_by_the_sandbox(exported, trainer, tmp_path):
    found, _ = run(exported, trainer, "grpo", "rlvr", tmp_path)
    assert found == {"given": [0.0, 0.0], "of the truth": [1.0, 1.0]}
