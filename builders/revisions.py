"""Stage 7: another turn for every answer that is not correct, with feedback on the last one (CodeI/O++).

In: judged conversations joined with `functions`. Out: the same rows; those whose last answer is not correct
have one more turn, which `verdicts` judges next. Wrong answers stay: excluding them costs accuracy (CodeI/O,
ablations). If a conversation has become too long for the model, it keeps its turns, and a row in `dropped`
says so.

Not covered: judging the answers (`verdicts`).
Tested in tests/stories/test_build.py.
"""

from collections.abc import Iterator

import prompts
from builders.inference import Client, Refusal
from builders.options import Sampling
from builders.responses import Question, ask_model, history, request_identity, revision_request
from builders.schema import CONVERSATIONS
from builders.stage import Drop, Row, Stage


class Revisions(Stage):
    """The stage that adds a turn, not judged yet, to each conversation of `turn` turns that needs one."""

    makes = CONVERSATIONS
    name = "revisions"
    version = 3
    shard_rows = 2048
    shards_at_once = 4
    reports_progress = True
    asks_model = True
    options: Sampling

    def __init__(self, options: Sampling, client: Client, turn: int) -> None:
        self.options = options
        self.client = client
        self.turn = turn

    def cancel(self) -> None:
        """Stop waiting for answers."""
        self.client.close()

    def identity(self) -> Row:
        """Return the identity of `Responses`, with the number of the turn."""
        return {**request_identity(self.client), "turn": self.turn}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Ask for another turn of all conversations of the batch that need one, at once."""
        questions = [self._question(row) for row in rows if self._is_due(row)]
        advance = self.advance_by(1)
        advance(len(rows) - len(questions))
        turns = iter(ask_model(self.client, self.options, questions, advance))
        for row in rows:
            turn = next(turns) if self._is_due(row) else None
            if isinstance(turn, Refusal):
                prior = row["turns"][-1]
                yield Drop(prior["response_id"], row["task_id"], turn.reason, turn.detail, prior["response"])
            yield (
                row if turn is None or isinstance(turn, Refusal) else {**row, "turns": [*row["turns"], turn]}
            )

    def _is_due(self, row: Row) -> bool:
        return len(row["turns"]) == self.turn and row["turns"][-1]["status"] != "correct"

    def _question(self, row: Row) -> Question:
        request = revision_request(row["direction"], row["turns"][-1]["feedback"])
        return Question(
            row,
            row["sample"],
            self.turn,
            [*history(row, self.options.system), request],
            prompts.load("revision").id,
        )
