"""Stage 8: conversations as tables to train on.

In: `tasks` joined with `io_pairs`, `functions` and `raw_code`, with the conversations of each task gathered
in the column `conversations`. Out: a table per view: `turns`, `codeio` (turn 0), `codeio_pp` (all turns,
CodeI/O++), `rlvr` (a prompt with its check), `preference`.

Wrong answers stay in `codeio` and `codeio_pp`, with their status: excluding them costs accuracy (CodeI/O,
ablations). A conversation is used up to its first cut-off reply, because that reply would teach a model to
stop in mid-sentence; if no turn is left, the conversation is dropped. A constrained answer (`answer_forced`)
may be a guess, and a policy in training gets no such request, so it does not raise `pass_rate` and is never
`chosen`.
"""

import json
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import prompts
from builders.options import TrainingSetOptions
from builders.responses import Message, history, opening_messages, turn_text
from builders.schema import TABLES
from builders.stage import Drop, Row, Stage
from builders.verifier import canonical


class View(Stage):
    """A stage that makes a table from tasks and their conversations."""

    version = 1
    needs: ClassVar[tuple[str, ...]] = ()
    """The tables that the view reads, besides tasks and turns."""
    options: TrainingSetOptions

    def __init__(self, options: TrainingSetOptions = TrainingSetOptions()) -> None:  # noqa: B008 - immutable
        self.options = options

    def identity(self) -> Row:
        """Return the ids of the prompts that the messages are made with."""
        return {"prompts": {name: prompts.load(name).id for name in ("system", "revision")}}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Yield the rows of each task."""
        for row in rows:
            yield from self.rows_of_task(
                row, [{**row, **conversation} for conversation in row["conversations"]]
            )

    def messages(self, conversation: Row, turns: list[Row]) -> list[Message]:
        """Return the messages of a conversation that has only these turns."""
        return history({**conversation, "turns": turns}, self.options.system, self.options.keep_reasoning)

    @abstractmethod
    def rows_of_task(self, task: Row, conversations: list[Row]) -> Iterator[Row | Drop]:
        """Yield the rows of one task; `conversations` hold the task's columns, sample and turns."""


class Turns(View):
    """Every turn of every conversation, one row each."""

    makes = TABLES["turns"]

    def rows_of_task(self, task: Row, conversations: list[Row]) -> Iterator[Row | Drop]:
        """Yield each turn of each conversation."""
        for conversation in conversations:
            for turn in conversation["turns"]:
                yield {"task_id": task["task_id"], "sample": conversation["sample"], **turn}


class CodeIO(View):
    """First answers, for supervised training."""

    version = 2
    makes = TABLES["codeio"]

    def rows_of_task(self, task: Row, conversations: list[Row]) -> Iterator[Row | Drop]:
        """Yield turn 0 of each conversation."""
        for conversation in conversations:
            turns = _turns_before_cut(conversation)[:1]
            if not turns:
                yield _truncated_drop(conversation)
                continue
            yield {
                **_common_columns(conversation),
                "messages": self.messages(conversation, turns),
                "status": turns[0]["status"],
                "answer_forced": turns[0]["answer_forced"],
            }


class CodeIOPlus(View):
    """Whole conversations with their feedback turns, and the columns of the authors' release."""

    version = 2
    makes = TABLES["codeio_pp"]

    def rows_of_task(self, task: Row, conversations: list[Row]) -> Iterator[Row | Drop]:
        """Yield each conversation; the authors' `turn_1` is turn 0 here."""
        for conversation in conversations:
            turns = _turns_before_cut(conversation)
            if not turns:
                yield _truncated_drop(conversation)
                continue
            second = turns[1] if len(turns) > 1 else None
            yield {
                **_common_columns(conversation),
                "messages": self.messages(conversation, turns),
                "n_turns": len(turns),
                "statuses": [turn["status"] for turn in turns],
                "answers_forced": [turn["answer_forced"] for turn in turns],
                "prompt": task["prompt"],
                "turn_1": turn_text(turns[0], self.options.keep_reasoning),
                "feedback_1": turns[0]["feedback"],
                "turn_2": second and turn_text(second, self.options.keep_reasoning),
                "feedback_2": second and second["feedback"],
            }


class RLVR(View):
    """Prompts with all that a verifier needs to grade an answer."""

    needs = ("io_pairs", "functions")
    version = 2
    makes = TABLES["rlvr"]

    def rows_of_task(self, task: Row, conversations: list[Row]) -> Iterator[Row | Drop]:
        """Yield the task; with only one sample its pass rate is null, since that shows no difficulty."""
        first_turns = [conversation["turns"][0] for conversation in conversations]
        n_correct = sum(map(_is_solved, first_turns))
        yield {
            **{
                column: task[column]
                for column in ("direction", "reference_code", "entrypoint", "input", "output")
            },
            "task_id": task["task_id"],
            "prompt": opening_messages(task, self.options.system),
            "n_samples": len(first_turns),
            "pass_rate": n_correct / len(first_turns) if len(first_turns) > 1 else None,
            "pass_rate_model": first_turns[0]["model"] if len(first_turns) > 1 else None,
        }


class Preference(View):
    """A correct and a wrong answer to exactly the same messages, from different samples."""

    version = 2
    makes = TABLES["preference"]

    def rows_of_task(self, task: Row, conversations: list[Row]) -> Iterator[Row | Drop]:
        """Yield one pair for each turn at which samples with the same history differ."""
        for turn in range(max((len(conversation["turns"]) for conversation in conversations), default=0)):
            groups: dict[str, list[tuple[list[Message], Row]]] = {}
            for conversation in conversations:
                turns = _turns_before_cut(conversation)
                if len(turns) > turn:
                    messages = self.messages(conversation, turns[: turn + 1])[:-1]
                    groups.setdefault(canonical(messages), []).append((messages, turns[turn]))
            for answers in groups.values():
                right = [answer for _, answer in answers if _is_solved(answer)]
                wrong = [answer for _, answer in answers if answer["status"] != "correct"]
                if right and wrong:
                    yield {
                        "task_id": task["task_id"],
                        "turn": turn,
                        "prompt": answers[0][0],
                        "chosen": [
                            {"role": "assistant", "content": turn_text(right[0], self.options.keep_reasoning)}
                        ],
                        "rejected": [
                            {"role": "assistant", "content": turn_text(wrong[0], self.options.keep_reasoning)}
                        ],
                    }
                    break


VIEWS: tuple[type[View], ...] = (CodeIO, CodeIOPlus, RLVR, Preference)


def _turns_before_cut(conversation: Row) -> list[Row]:
    """Return the turns before the first one that was cut off."""
    turns: list[Row] = conversation["turns"]
    end = next((index for index, turn in enumerate(turns) if turn["finish_reason"] == "length"), len(turns))
    return turns[:end]


def _is_solved(turn: Row) -> bool:
    return turn["status"] == "correct" and not turn["answer_forced"]


def _truncated_drop(conversation: Row) -> Drop:
    """Return the drop of a conversation whose first turn was cut off."""
    turn = conversation["turns"][0]
    limit = json.loads(turn["sampling"] or "{}").get("max_tokens")
    after = "" if limit is None else f" after {limit} tokens"
    detail = f"cut off{after}; allow more with --truncated-tokens"
    return Drop(turn["response_id"], conversation["task_id"], "truncated", detail, turn["response"])


def _common_columns(conversation: Row) -> Row:
    columns = ("task_id", "sample", "direction", "license", "source")
    return {column: conversation.get(column) for column in columns}
