"""Stage 5: chains of thought, sampled for every task.

In: `tasks` joined with `functions`. Out: conversations, one row for each task and sample, with turn 0. The
model reasons freely. Only if its reply holds no answer, one more request asks for the bare JSON, constrained
to the task's schema. A schema over the whole reply would ruin the reasoning, and a grammar that lets text end
only in JSON gives fewer right answers (tests/bench/answers.py).

Not covered: judging the answers (`verdicts`), and further turns (`revisions`).
Tested in tests/stories/test_asking.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import prompts
from builders.inference import Answer, Client, Refusal
from builders.json_schemas import schema_or_any, with_size_limits
from builders.options import ResponsesOptions, Sampling
from builders.schema import CONVERSATIONS, TABLES
from builders.stage import Drop, Row, Stage
from builders.verifier import canonical, extract

Message = dict[str, str]
ANSWER_TOKENS = 400


@dataclass(frozen=True)
class Question:
    """A question that is answered by one turn: the task's row, sample and turn numbers, messages so far."""

    row: Row
    sample: int
    turn: int
    messages: list[Message]
    prompt_id: str


class Responses(Stage):
    """The stage from tasks to conversations with their first turn; each task gives `samples` rows."""

    makes = CONVERSATIONS
    name = "responses"
    version = 3
    shard_rows = 2048
    shards_at_once = 4
    reports_progress = True
    asks_model = True
    options: ResponsesOptions

    def __init__(self, options: ResponsesOptions, client: Client) -> None:
        self.options = options
        self.client = client

    def cancel(self) -> None:
        """Stop waiting for answers."""
        self.client.close()

    def identity(self) -> Row:
        """Return the model's identity and the ids of the prompts (see `request_identity`)."""
        return request_identity(self.client)

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Send the requests of all rows of the batch at once; a permanent refusal drops the row."""
        questions = [
            Question(row, sample, 0, opening_messages(row, self.options.system), prompts.load("task").id)
            for row in rows
            for sample in range(self.options.samples)
        ]
        turns = ask_model(self.client, self.options, questions, self.advance_by(1 / self.options.samples))
        for question, turn in zip(questions, turns, strict=True):
            row = question.row
            if isinstance(turn, Refusal):
                yield Drop(
                    f"{row['task_id']}/{question.sample}",
                    row["task_id"],
                    turn.reason,
                    turn.detail,
                    row["prompt"],
                )
            else:
                yield {**row, "sample": question.sample, "turns": [turn]}


def request_identity(client: Client) -> Row:
    """Return what decides a reply besides its messages and sampling: model, request options and prompts.

    Addresses of servers and the concurrency decide no reply, so they are not part of it.
    """
    names = ("system", "task", "answer", "revision")
    return {
        **client.full_identity(),
        "prompts": {name: prompts.load(name).id for name in names},
    }


def opening_messages(row: Row, system: str | None) -> list[Message]:
    """Return the first messages of a conversation: the system message (default: codeio's) and the task."""
    return [
        {"role": "system", "content": prompts.load("system").render() if system is None else system},
        {"role": "user", "content": row["prompt"]},
    ]


def history(row: Row, system: str | None, keep_reasoning: bool = False) -> list[Message]:
    """Return all messages of a conversation, with the feedback as user messages."""
    messages = opening_messages(row, system)
    for turn, following in zip(row["turns"], [*row["turns"][1:], None], strict=True):
        messages.append({"role": "assistant", "content": turn_text(turn, keep_reasoning)})
        if following:
            messages.append(revision_request(row["direction"], turn["feedback"]))
    return messages


def turn_text(turn: Row, keep_reasoning: bool) -> str:
    """Return the reply of a turn; with `keep_reasoning`, the model's separate reasoning comes before it."""
    text: str = turn["response"]
    if keep_reasoning and turn["reasoning"]:
        return f"<think>\n{turn['reasoning']}\n</think>\n\n{text}"
    return text


def revision_request(direction: str, feedback: str) -> Message:
    """Return the user message that gives feedback on a turn and asks for another."""
    return {
        "role": "user",
        "content": prompts.load("revision").render(feedback=feedback, direction=direction),
    }


def ask_model(
    client: Client,
    sampling: Sampling,
    questions: list[Question],
    on_end: Callable[[int], None] | None = None,
) -> list[Row | Refusal]:
    """Ask all questions at once, and return for each its turn or its permanent refusal.

    A turn is as in `schema.CONVERSATIONS`, not judged. `on_end` is called with 1 when a question is done.
    """

    def next_request(index: int, answers: list[Answer]) -> Row | None:
        return _next_request(questions[index], sampling, answers)

    payloads = [_payload(question, sampling) for question in questions]
    groups = [question.row["function_id"] for question in questions]
    chains = client.chains(payloads, next_request, groups, on_end)
    turns: list[Row | Refusal] = []
    for question, payload, outcomes in zip(questions, payloads, chains, strict=True):
        answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
        first = outcomes[0]
        turns.append(
            first if isinstance(first, Refusal) else _turn(client, question, sampling, payload, answers)
        )
    return turns


def _payload(question: Question, sampling: Sampling) -> Row:
    return {
        "messages": question.messages,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed + question.sample,
    }


def _next_request(question: Question, sampling: Sampling, answers: list[Answer]) -> Row | None:
    """Return the next request for a question after these answers, or None if there is none.

    It is either the same request with a higher token limit, or one for the bare answer.
    """
    n_free = _n_free_replies(sampling, answers)
    if len(answers) < n_free:
        return {**_payload(question, sampling), "max_tokens": sampling.truncated_tokens}
    if len(answers) == n_free and extract(answers[-1].text, question.row["direction"]) is None:
        return final_answer_request(question, sampling, answers[-1].text)
    return None


def _n_free_replies(sampling: Sampling, answers: list[Answer]) -> int:
    """Return the number of free replies to a question: two if the first is cut off and may be longer."""
    may_be_longer = sampling.truncated_tokens is not None and sampling.truncated_tokens > sampling.max_tokens
    return 2 if may_be_longer and answers[0].finish_reason == "length" else 1


def final_answer_request(question: Question, sampling: Sampling, reply: str) -> Row:
    """Return the request for the bare answer, constrained to the schema of the predicted input or output."""
    direction = question.row["direction"]
    schema = schema_or_any(question.row[f"{direction}_schema"])
    if direction == "input" and schema in ({}, True):
        schema = {"type": "object"}  # an input always holds arguments by their names
    answer_schema = {
        "type": "object",
        "properties": {direction: with_size_limits(schema)},
        "required": [direction],
        "additionalProperties": False,
    }
    request = {"role": "user", "content": prompts.load("answer").render(direction=direction)}
    return {
        "messages": [*question.messages, {"role": "assistant", "content": reply}, request],
        "temperature": 0.0,
        "max_tokens": ANSWER_TOKENS,
        "seed": sampling.seed + question.sample,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": answer_schema, "strict": True},
        },
    }


def _turn(client: Client, question: Question, sampling: Sampling, payload: Row, answers: list[Answer]) -> Row:
    """Return the turn that these answers to a question make, not judged yet."""
    replies = answers[: _n_free_replies(sampling, answers)]
    reply, final_answers = replies[-1], answers[len(replies) :]
    text = reply.text
    is_forced = bool(final_answers) and extract(final_answers[0].text, question.row["direction"]) is not None
    if is_forced:
        text = f"{text.rstrip()}\n\n{final_answers[0].text.strip()}"
    full_payload = client.with_options(payload)
    parameters: dict[str, Any] = {key: value for key, value in full_payload.items() if key != "messages"}
    if len(replies) > 1:
        parameters["max_tokens"] = sampling.truncated_tokens
    return {
        "response_id": TABLES["turns"].id(
            {"request": {**full_payload, **parameters}, "model": client.identity, "sample": question.sample}
        ),
        "turn": question.turn,
        "response": text,
        "reasoning": reply.reasoning,
        "answer_forced": is_forced,
        "finish_reason": reply.finish_reason,
        "model": client.identity,
        "sampling": canonical(parameters),
        "prompt_id": question.prompt_id,
        "n_prompt_tokens": sum(answer.n_prompt_tokens for answer in answers),
        "n_completion_tokens": _sum_or_none([answer.n_completion_tokens for answer in answers]),
    }


def _sum_or_none(counts: list[int | None]) -> int | None:
    """Return the sum, or None if a count is missing."""
    present = [count for count in counts if count is not None]
    return sum(present) if len(present) == len(counts) else None
