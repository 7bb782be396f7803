"""Which form of request gets the most correct answers: `python -m tests.bench.answers DIR URL`.

DIR is a build with tasks (`--until tasks`), URL a server with the model to measure. Each task is asked with
greedy sampling in every form; forms that start with the same free reply share it:
- free: the reply alone;
- closing: if the reply has no answer, the model is asked for the bare JSON, constrained to the task's schema;
- closing, also cut: the same, but also if the reply was cut off at the limit;
- grammar: one request whose text can only end in JSON (`grammar` for llama.cpp, a structural tag for sglang).
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import disable_progress_bars
from rich.console import Console
from rich.table import Table

from builders.execution import Limits, Prover
from builders.inference import Answer, Client, Refusal, RequestCache, connect
from builders.json_schemas import schema_or_any
from builders.options import Sampling
from builders.responses import Question, final_answer_request, opening_messages
from builders.stage import Row
from builders.tables.folder import Folder
from builders.tables.joins import LazyJoin
from builders.verdicts import Verdicts
from builders.verifier import extract

GRAMMAR = r"""root ::= [^\x00]* "{\"DIRECTION\":" ws value ws "}"
value ::= object | array | string | number | ("true" | "false" | "null")
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? ws "}"
array ::= "[" ws ( value ("," ws value)* )? ws "]"
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt/] | "u" [0-9a-fA-F]{4}))* "\""
number ::= "-"? ([0-9] | [1-9] [0-9]{0,15}) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,3})?
ws ::= " "?
"""


def constrained(task: Row, engine: str) -> dict[str, Any]:
    """Return payload options of the engine that constrain a reply to free text that ends in the answer."""
    direction = task["direction"]
    if engine != "sglang":
        return {"grammar": GRAMMAR.replace("DIRECTION", direction)}
    opening_mark = f'{{"{direction}":'
    schema = {"type": "json_schema", "json_schema": schema_or_any(task[f"{direction}_schema"])}
    tag = {"type": "tag", "begin": opening_mark, "content": schema, "end": "}"}
    text = {"type": "any_text", "excludes": [opening_mark]}
    return {
        "response_format": {
            "type": "structural_tag",
            "format": {"type": "sequence", "elements": [text, tag]},
        }
    }


def judged(tasks: Sequence[Row], texts: Sequence[str]) -> Counter[str]:
    """Return how many replies have each status."""
    limits = Limits()
    with Prover(limits) as prover:
        stage = Verdicts(limits, prover)
        rows = [
            {**task, "sample": 0, "turns": [{"response": text, "status": None, "finish_reason": "stop"}]}
            for task, text in zip(tasks, texts, strict=True)
        ]
        return Counter(row["turns"][-1]["status"] for row in stage.rows(rows) if isinstance(row, dict))


def measured(tasks: list[Row], client: Client, n_tokens: int) -> dict[str, dict[str, Any]]:
    """Return the statuses and the number of tokens of the answers, for each form of request."""
    sampling = Sampling(temperature=0.0, max_tokens=n_tokens)
    questions = [Question(task, 0, 0, opening_messages(task, None), "") for task in tasks]

    def payload(question: Question, **options: Any) -> dict[str, Any]:
        return {"messages": question.messages, "temperature": 0.0, "max_tokens": n_tokens, **options}

    def ask(payloads: list[dict[str, Any]]) -> list[Answer]:
        empty = Answer("", "", "stop", 0, 0, 0)
        return [empty if isinstance(outcome, Refusal) else outcome for outcome in client.ask(payloads)]

    def has_no_answer(question: Question, answer: Answer) -> bool:
        return extract(answer.text, question.row["direction"]) is None

    free = ask([payload(question) for question in questions])
    unanswered = [
        i
        for i, (question, answer) in enumerate(zip(questions, free, strict=True))
        if has_no_answer(question, answer)
    ]
    replies = ask([final_answer_request(questions[i], sampling, free[i].text) for i in unanswered])
    closings = dict(zip(unanswered, replies, strict=True))
    forms: dict[str, tuple[list[str], int]] = {
        "free": ([answer.text for answer in free], _tokens(free)),
        "closing": _closed(
            free, {i: reply for i, reply in closings.items() if free[i].finish_reason != "length"}
        ),
        "closing, also cut": _closed(free, closings),
    }
    engine = client.servers[0].engine
    with_grammar = ask([payload(question, **constrained(question.row, engine)) for question in questions])
    forms["grammar"] = [answer.text for answer in with_grammar], _tokens(with_grammar)
    figures = {}
    for form, (texts, n) in forms.items():
        statuses = judged(tasks, texts)
        figures[form] = {"tasks": len(tasks), "tokens": n, **statuses}
    return figures


def _closed(free: list[Answer], closings: dict[int, Answer]) -> tuple[list[str], int]:
    texts = [answer.text for answer in free]
    for index, closing in closings.items():
        texts[index] = f"{texts[index]}\n\n{closing.text}"
    return texts, _tokens(free) + _tokens(list(closings.values()))


def _tokens(answers: list[Answer]) -> int:
    return sum(answer.n_completion_tokens or 0 for answer in answers)


def main() -> None:
    disable_progress_bars()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("--tasks", type=int, default=120)
    parser.add_argument("--tokens", type=int, default=384, help="maximum length of a free reply")
    parser.add_argument("--cache", type=Path, help="request cache, so that a stopped run can continue")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    folder = Folder(options.folder)
    joined = LazyJoin(folder.read("tasks")).join(folder.read("io_pairs"), "pair_id")
    tasks = joined.join(folder.read("functions"), "function_id").shard(0, options.tasks).to_list()
    with tempfile.TemporaryDirectory() as scratch:
        client = Client(
            connect(options.url), RequestCache(options.cache or Path(scratch) / "requests.sqlite")
        )
        by_form = measured(tasks, client, options.tokens)
        client.close()
    if options.json:
        print(json.dumps(by_form))
        return
    table = Table("form", "answers", "correct", "tokens", title=f"{len(tasks)} tasks, {client.identity}")
    for form, figures in by_form.items():
        n_answers = figures["tasks"] - figures.get("no_answer", 0)
        table.add_row(form, str(n_answers), str(figures.get("correct", 0)), f"{figures['tokens']:,}")
    Console().print(table)


if __name__ == "__main__":
    main()
