"""Stage 5: sampled chains of thought for every task.

In: `tasks` joined with `functions`. Out: conversations, one row for each task and sample, with turn 0. The
model reasons freely; only where its reply holds no answer, and was not cut off, it is asked once more for the
bare JSON, held to the task's schema. A schema over the whole reply would ruin the reasoning.

Not covered: judging the answers (`verdicts`), and further turns (`revisions`).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import prompts
from builders.inference import Answer, Client, Refusal
from builders.json_schemas import usable
from builders.schema import CONVERSATIONS, content_id
from builders.stage import Drop, Row, Stage
from hub.verifier import canonical, extract

Message = dict[str, str]
ANSWER_TOKENS = 400


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn; the defaults are the paper's (CodeI/O, App. A)."""

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 4096
    seed: int = 0


@dataclass(frozen=True)
class Question:
    """One request for a turn: the task's row, the sample and turn it is for, and the messages so far."""

    row: Row
    sample: int
    turn: int
    messages: list[Message]
    prompt_id: str


class Responses(Stage):
    """Tasks to conversations with their first turn, `samples` rows a task."""

    name = "responses"
    version = 1
    features = CONVERSATIONS
    key = ("task_id", "sample")
    shard_rows = 64

    def __init__(self, client: Client, sampling: Sampling, samples: int) -> None:
        self.client = client
        self.sampling = sampling
        self.samples = samples

    def identity(self) -> Row:
        """The model, how it is sampled, and every prompt that is sent."""
        return {**request_identity(self.client, self.sampling), "samples": self.samples}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Ask for all rows of the batch at once; a lasting refusal drops the row."""
        questions = [
            Question(row, sample, 0, opening(row), prompts.load("task").id)
            for row in rows
            for sample in range(self.samples)
        ]
        for question, turn in zip(questions, answered(self.client, self.sampling, questions), strict=True):
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


def request_identity(client: Client, sampling: Sampling) -> Row:
    """What decides a reply: never the server's address, never how many requests it is sent at once."""
    names = ("system", "task", "answer", "revision")
    return {
        "model": client.server.identity,
        "sampling": asdict(sampling),
        "prompts": {name: prompts.load(name).id for name in names},
    }


def opening(row: Row) -> list[Message]:
    """The system message and the task."""
    return [
        {"role": "system", "content": prompts.load("system").render()},
        {"role": "user", "content": row["prompt"]},
    ]


def history(row: Row) -> list[Message]:
    """All messages of a conversation, feedback included as the user's turns."""
    messages = opening(row)
    for turn, following in zip(row["turns"], [*row["turns"][1:], None], strict=True):
        messages.append({"role": "assistant", "content": turn["response"]})
        if following:
            messages.append(revision_request(row["direction"], turn["feedback"]))
    return messages


def revision_request(direction: str, feedback: str) -> Message:
    """The user's message that asks for another turn."""
    return {
        "role": "user",
        "content": prompts.load("revision").render(feedback=feedback, direction=direction),
    }


def answered(client: Client, sampling: Sampling, questions: list[Question]) -> list[Row | Refusal]:
    """A turn (columns of `schema.TURN`, not judged yet) for each question, or why it can never be had."""
    payloads = [_payload(question, sampling) for question in questions]
    order = leaders_ahead([question.row["function_id"] for question in questions])
    asked = dict(zip(order, client.ask([payloads[index] for index in order]), strict=True))
    replies = [asked[index] for index in range(len(questions))]
    closings = {
        index: _closing(question, sampling, reply.text)
        for index, (question, reply) in enumerate(zip(questions, replies, strict=True))
        if isinstance(reply, Answer)
        and reply.finish_reason != "length"
        and extract(reply.text, question.row["direction"]) is None
    }
    finals = dict(zip(closings, client.ask(list(closings.values())), strict=True))
    turns: list[Row | Refusal] = []
    for index, (question, payload, reply) in enumerate(zip(questions, payloads, replies, strict=True)):
        if isinstance(reply, Refusal):
            turns.append(reply)
            continue
        final = finals.get(index)
        turns.append(_turn(client, question, payload, reply, final if isinstance(final, Answer) else None))
    return turns


def leaders_ahead(functions: list[str]) -> list[int]:
    """An order in which to ask, by the function of each request.

    The first request of a function goes out ahead of the siblings of the one before it, so that its prefix is
    in the server's cache when its own siblings come.
    """
    groups: dict[str, list[int]] = {}
    for index, function in enumerate(functions):
        groups.setdefault(function, []).append(index)
    order: list[int] = []
    siblings: list[int] = []
    for leader, *others in groups.values():
        order += [leader, *siblings]
        siblings = others
    return order + siblings


def _payload(question: Question, sampling: Sampling) -> Row:
    return {
        "messages": question.messages,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed + question.sample,
    }


def _closing(question: Question, sampling: Sampling, reply: str) -> Row:
    """Ask for the bare answer, held to the schema of the half that is asked for."""
    direction = question.row["direction"]
    form = {
        "type": "object",
        "properties": {direction: usable(question.row[f"{direction}_schema"])},
        "required": [direction],
        "additionalProperties": False,
    }
    ask = {"role": "user", "content": prompts.load("answer").render(direction=direction)}
    return {
        "messages": [*question.messages, {"role": "assistant", "content": reply}, ask],
        "temperature": 0.0,
        "max_tokens": ANSWER_TOKENS,
        "seed": sampling.seed + question.sample,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": form, "strict": True},
        },
    }


def _turn(client: Client, question: Question, payload: Row, reply: Answer, final: Answer | None) -> Row:
    text = reply.text
    if final and extract(final.text, question.row["direction"]) is not None:
        text = f"{text.rstrip()}\n\n{final.text.strip()}"
    asked = {key: value for key, value in payload.items() if key != "messages"}
    return {
        "response_id": content_id("response", payload, client.server.identity, question.sample),
        "turn": question.turn,
        "response": text,
        "reasoning": reply.reasoning,
        "finish_reason": reply.finish_reason,
        "model": client.server.identity,
        "sampling": canonical(asked),
        "prompt_id": question.prompt_id,
        "n_prompt_tokens": reply.n_prompt_tokens + (final.n_prompt_tokens if final else 0),
        "n_completion_tokens": reply.n_completion_tokens + (final.n_completion_tokens if final else 0),
    }
