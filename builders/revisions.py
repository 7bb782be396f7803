"""Stage 7: another turn for every answer that is not right, with feedback on the last one (CodeI/O++).

In: judged conversations joined with `functions`. Out: the same rows; those not yet correct have one turn
more, which `verdicts` judges next. Wrong answers stay: leaving them out costs accuracy (CodeI/O, ablations).

Not covered: a conversation that has grown too long for the model keeps its turns so far; a dropped row tells.
Tested in tests/stories/test_build.py.
"""

from collections.abc import Iterator

import prompts
from builders.inference import Client, Refusal
from builders.options import Sampling
from builders.responses import Question, answered, history, request_identity, revision_request
from builders.schema import CONVERSATIONS
from builders.stage import Drop, Row, Stage


class Revisions(Stage):
    """Conversations of `turn` turns, judged, to conversations with an open turn more where one is due."""

    makes = CONVERSATIONS
    name = "revisions"
    version = 3
    shard_rows = 2048
    shards_at_once = 4
    advances_by_row = True
    asks_model = True
    options: Sampling

    def __init__(self, options: Sampling, client: Client, turn: int) -> None:
        self.options = options
        self.client = client
        self.turn = turn

    def abandon(self) -> None:
        """Wait for no more answers."""
        self.client.close()

    def identity(self) -> Row:
        """As for responses, and which turn this is."""
        return {**request_identity(self.client), "turn": self.turn}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Ask for all due turns of the batch at once."""
        questions = [self._question(row) for row in rows if self._due(row)]
        advance = self.advancing(1)
        advance(len(rows) - len(questions))
        turns = iter(answered(self.client, self.options, questions, advance))
        for row in rows:
            turn = next(turns) if self._due(row) else None
            if isinstance(turn, Refusal):
                last = row["turns"][-1]
                yield Drop(last["response_id"], row["task_id"], turn.reason, turn.detail, last["response"])
            yield (
                row if turn is None or isinstance(turn, Refusal) else {**row, "turns": [*row["turns"], turn]}
            )

    def _due(self, row: Row) -> bool:
        return len(row["turns"]) == self.turn and row["turns"][-1]["status"] != "correct"

    def _question(self, row: Row) -> Question:
        ask = revision_request(row["direction"], row["turns"][-1]["feedback"])
        return Question(
            row,
            row["sample"],
            self.turn,
            [*history(row, self.options.system), ask],
            prompts.load("revision").id,
        )
