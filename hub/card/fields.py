"""What each column of a table means, in words, for the card.

In: a config. Out: what a row of it is, and its columns with type and meaning, in order.
"""

from collections.abc import Iterator
from typing import Any

from datasets import List, Value

from builders.schema import TABLES

MEANINGS = {
    "raw_code": "a code file",
    "functions": "a function made of one",
    "io_pairs": "a proven input and output of a function",
    "tasks": "a question about a pair",
    "turns": "an answer with its verdict",
    "codeio": "a first answer, to train on",
    "codeio_pp": "a whole conversation with its feedback, to train on (CodeI/O++)",
    "rlvr": "a question with all that checks an answer",
    "preference": "a right and a wrong answer to the same messages",
    "dropped": "what a stage could not use, and why",
}
"""What a row of each config is."""
_ANYWHERE = {
    "code_id": "the source file",
    "function_id": "the function",
    "pair_id": "the proven pair",
    "task_id": "the task",
    "response_id": "the answer",
    "sample": "which of the answers drawn for the task, from 0",
    "direction": "what is to be predicted: `output` or `input`",
    "license": "SPDX licence of the source file; null where none is known",
    "source": "where the file comes from: a dataset or a folder",
    "reference_code": "the function's code, with all that it needs",
    "entrypoint": "name of the function to call",
    "input": "arguments by name, canonical JSON",
    "output": "what the code returns, canonical JSON",
    "model": "the model that wrote it, with its revision or the hash of its weights",
    "prompt_id": "hash of the prompt's text; see `prompts/`",
    "messages": "the conversation; feedback stands in user messages",
    "status": "`correct`, `wrong`, `exception`, `no_answer` or `timeout`",
    "turn": "0 for the first answer, 1 for the first revision, and so on",
    "answer_forced": "the reply held no answer, so that it was asked for as bare JSON, held to the schema",
}
_IN = {
    "raw_code": {
        "content": "the file's text; credentials and e-mail addresses masked",
        "parses": "whether it is Python 3",
        "language": "the programming language",
        "path": "the file's path in its source",
        "revision": "revision of the source",
    },
    "functions": {
        "query": "the question that the function answers",
        "io_description": "inputs and outputs in words",
        "input_generator": "code that draws inputs",
        "input_schema": "JSON Schema of the arguments",
        "output_schema": "JSON Schema of what is returned",
    },
    "io_pairs": {
        "seed": "seed of the draw",
        "draw": "number of the draw with that seed; null for inputs that were given",
    },
    "tasks": {"prompt": "the user message that was sent"},
    "turns": {
        "response": "the reply, as it came",
        "reasoning": "a reasoning model's thoughts, kept apart",
        "prediction": "the answer found in the reply, canonical JSON; null for none",
        "feedback": "what the verifier has to say to it",
        "finish_reason": "why the reply ended: `stop`, or `length` where it was cut off",
        "sampling": "temperature, top_p, tokens and seed, JSON",
        "n_prompt_tokens": "tokens sent",
        "n_completion_tokens": "tokens of the reply; null where a server told only a sum",
    },
    "codeio_pp": {
        "n_turns": "answers in the conversation",
        "statuses": "status of each answer",
        "answers_forced": "for each answer, whether it had to be asked for as bare JSON",
        "prompt": "the first user message",
        "turn_1": "the first answer (turn 0)",
        "feedback_1": "the feedback on it",
        "turn_2": "the second answer; null without one",
        "feedback_2": "the feedback on it",
    },
    "rlvr": {
        "prompt": "the messages to answer",
        "pass_rate": "share of `n_samples` first answers that were correct; null with a single one",
        "n_samples": "first answers drawn",
        "pass_rate_model": "whose pass rate it is",
    },
    "preference": {
        "prompt": "the messages that both answer",
        "chosen": "a correct answer",
        "rejected": "one that is not, from another sample of the same turn",
    },
    "dropped": {
        "stage": "the stage that could not use the row",
        "row_id": "the row",
        "parent_id": "what it was made of",
        "drop_reason": "why, as a short code",
        "drop_detail": "why, in words",
        "content": "the row or the reply itself, 16 kB at most",
    },
}


def fields(config: str) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of each column."""
    for name, feature in TABLES[config].items():
        yield name, _type(feature), _IN.get(config, {}).get(name) or _ANYWHERE[name]


def _type(feature: Any) -> str:
    if isinstance(feature, List):
        return f"list of {_type(feature.feature)}"
    if isinstance(feature, Value):
        return str(feature.dtype)
    return "{" + ", ".join(feature) + "}"
