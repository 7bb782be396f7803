"""Stage 2: a model turns raw files into functions with input generators, and describes them.

In: `raw_code`. Out: `functions`. The model writes only what the file does not have yet: `main_solution`,
which may call what the file defines, and `input_generator`. Each reply is inspected and tried in the sandbox;
what fails is told back, or asked for anew, a fixed number of times. Functions that work are described in a
second step, which sees the code as it ended and one of its examples.

Everything goes in rounds over all rows of a batch, so that the server is kept busy. A row's result depends on
that row alone.

Not covered: whether the function is what the file was meant for, and proof of its pairs (`io_pairs`).
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from genson import SchemaBuilder

import prompts
from builders import inspector
from builders.execution import Limits, Prover, Sandbox
from builders.inference import Answer, Client, Refusal
from builders.inspection import ENTRYPOINT
from builders.schema import FUNCTIONS, content_id
from builders.stage import Drop, Row, Stage
from builders.trials import N_DRAWS, N_RUNS, Candidate, Examples, Fault, tried
from builders.unification import Description, code_in, description_in
from hub.verifier import canonical

Message = dict[str, str]
_EXAMPLES = (1, 2, 3)
_PROMPTS = (
    *("unify", "unify_file", "unify_repair"),
    *(f"unify_example_{number}_{half}" for number in _EXAMPLES for half in ("file", "reply")),
    *("describe", "describe_function", "describe_example_function", "describe_example_reply"),
)


@dataclass(frozen=True)
class Attempt:
    """A request for code: a fresh one, or the last failure told back.

    Code that does not parse is not told back, since small models then repeat it: it is asked for anew.
    """

    repair: bool
    temperature: float


ATTEMPTS = (
    Attempt(repair=False, temperature=0.0),
    Attempt(repair=False, temperature=0.6),
    Attempt(repair=True, temperature=0.4),
)
DESCRIPTION_TEMPERATURES = (0.0, 0.7)
CODE_TOKENS = 600
# A trial is short: code that needs longer is told to draw smaller inputs.
TRIAL_CPU_S = 1
TRIAL_WALL_S = 10
DESCRIPTION_TOKENS = 400
FEWEST_TELLING_CHARS = 8
"""A shorter value may stand in a description for its own sake."""


@dataclass
class _Draft:
    """How far the function of one file has come."""

    row: Row
    opening: list[Message]
    asked: list[Message] = field(default_factory=list)
    reply: str = ""
    code: str = ""
    candidate: Candidate | None = None
    examples: Examples | None = None
    description: Description | None = None
    fault: Fault | None = None
    refused: bool = False

    @property
    def open(self) -> bool:
        return self.examples is None and not self.refused


class Functions(Stage):
    """Raw files to functions that ran; a file without one is dropped with the last thing that went wrong."""

    name = "functions"
    version = 1
    features = FUNCTIONS
    key = ("function_id",)
    shard_rows = 64

    def __init__(self, client: Client, sandbox: Sandbox, limits: Limits, seed: int) -> None:
        self.client = client
        self.sandbox = sandbox
        self.limits = Limits(
            min(limits.cpu_s, TRIAL_CPU_S), min(limits.wall_s, TRIAL_WALL_S), limits.memory_mb
        )
        self.seed = seed

    def identity(self) -> Row:
        """The model, every prompt, the plan of attempts, the inspection, the interpreter and the trial."""
        return {
            "model": self.client.server.identity,
            "prompts": {name: prompts.load(name).id for name in _PROMPTS},
            "attempts": [vars(attempt) for attempt in ATTEMPTS],
            "descriptions": list(DESCRIPTION_TEMPERATURES),
            "tokens": [CODE_TOKENS, DESCRIPTION_TOKENS],
            "inspection": content_id("inspection", inspector.CODE),
            "trial": [vars(self.limits), N_DRAWS, N_RUNS],
            "seed": self.seed,
            "python": list(sys.version_info[:2]),
            "numpy": self.sandbox.numpy_version,
        }

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Ask, inspect and try in rounds over the batch, then have the functions described."""
        with (
            Sandbox(self.limits, self.sandbox.preload, self.sandbox.workers) as sandbox,
            Prover(self.limits, self.sandbox.preload, self.sandbox.workers) as prover,
        ):
            halves = inspector.files_read(sandbox, [row["content"] for row in rows])
            drafts = [_Draft(row, opening(**half)) for row, half in zip(rows, halves, strict=True)]
            for number, attempt in enumerate(ATTEMPTS):
                pending = [draft for draft in drafts if draft.open]
                self._ask(pending, attempt, number)
                self._try([draft for draft in pending if not draft.fault], sandbox, prover)
        for number, temperature in enumerate(DESCRIPTION_TEMPERATURES):
            self._describe(
                [draft for draft in drafts if draft.examples and not draft.description], temperature, number
            )
        for draft in drafts:
            yield self._outcome(draft)

    def _ask(self, drafts: list[_Draft], attempt: Attempt, number: int) -> None:
        """Get a reply for each draft, and the code in it; a draft with a fault has none."""
        for draft in drafts:
            draft.asked = draft.opening
            if attempt.repair and draft.code and draft.fault and draft.fault.reason != "syntax_error":
                told = prompts.load("unify_repair").render(detail=draft.fault.detail)
                draft.asked = [
                    *draft.opening,
                    {"role": "assistant", "content": f"```python\n{draft.code}\n```"},
                    {"role": "user", "content": told},
                ]
        payloads = [self._payload(draft.asked, attempt.temperature, CODE_TOKENS, number) for draft in drafts]
        for draft, answer in zip(drafts, self.client.ask(payloads), strict=True):
            if isinstance(answer, Refusal):
                draft.fault, draft.refused = Fault(answer.reason, answer.detail), True
                continue
            cut_off = answer.finish_reason == "length"
            code = code_in(answer.text, cut_off)
            draft.reply = answer.text
            if code is None:
                draft.code = ""
                draft.fault = (
                    Fault("truncated", f"the reply is longer than {CODE_TOKENS} tokens")
                    if cut_off
                    else Fault("no_code", "the reply holds no Python code")
                )
                continue
            # A corrected reply may hold only what changed: the rest stays.
            kept = draft.code if draft.asked is not draft.opening else ""
            draft.code = f"{kept}\n\n\n{code}".strip("\n") if kept else code.strip("\n")
            draft.fault = None

    def _try(self, drafts: list[_Draft], sandbox: Sandbox, prover: Prover) -> None:
        """Inspect and run what the drafts hold now."""
        replies = [(draft.code, draft.row["content"]) for draft in drafts]
        for draft, found in zip(drafts, inspector.replies_inspected(sandbox, replies), strict=True):
            draft.code = found.get("code", draft.code)
            if "reason" in found:
                draft.fault = Fault(found["reason"], found["detail"])
            else:
                draft.candidate = Candidate(
                    found["reference_code"],
                    ENTRYPOINT,
                    found["parameters"],
                    found["input_generator"],
                )
        runnable = [(draft, draft.candidate) for draft in drafts if not draft.fault and draft.candidate]
        trials = tried(sandbox, prover, [candidate for _, candidate in runnable], self.seed)
        for (draft, _), trial in zip(runnable, trials, strict=True):
            if isinstance(trial, Fault):
                draft.fault = trial
            else:
                draft.examples = trial

    def _describe(self, drafts: list[_Draft], temperature: float, number: int) -> None:
        payloads = []
        for draft in drafts:
            assert draft.candidate
            assert draft.examples
            shown = {
                "reference_code": draft.candidate.reference_code.rstrip("\n"),
                "input": draft.examples.inputs[0],
                "output": draft.examples.outputs[0],
            }
            messages = [
                _message("system", "describe"),
                _message("user", "describe_example_function"),
                _message("assistant", "describe_example_reply"),
                _message("user", "describe_function", **shown),
            ]
            payloads.append(self._payload(messages, temperature, DESCRIPTION_TOKENS, number))
        for draft, answer in zip(drafts, self.client.ask(payloads), strict=True):
            assert draft.candidate
            assert draft.examples
            if isinstance(answer, Answer):
                draft.reply = answer.text
                description = description_in(answer.text, draft.candidate.parameters)
                if description and not _gives_away(description, draft.examples):
                    draft.description = description
                draft.fault = Fault("no_description", "the description lacks a section or a parameter")
            else:
                draft.fault = Fault(answer.reason, answer.detail)

    def _payload(self, messages: list[Message], temperature: float, max_tokens: int, number: int) -> Row:
        return {
            "messages": messages,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "seed": self.seed + number,
        }

    def _outcome(self, draft: _Draft) -> Row | Drop:
        code_id = draft.row["code_id"]
        if not (draft.candidate and draft.examples and draft.description):
            fault = draft.fault or Fault("no_code", "")
            return Drop(code_id, code_id, fault.reason, fault.detail, draft.reply or draft.row["content"])
        candidate, description = draft.candidate, draft.description
        fields = (
            candidate.reference_code,
            candidate.entrypoint,
            candidate.input_generator,
            description.query,
        )
        return {
            "function_id": content_id("function", *fields),
            "code_id": code_id,
            "query": description.query,
            "io_description": description.io_description,
            "reference_code": candidate.reference_code,
            "entrypoint": candidate.entrypoint,
            "input_generator": candidate.input_generator,
            "input_schema": inferred(draft.examples.inputs),
            "output_schema": inferred(draft.examples.outputs),
            "license": draft.row["license"],
            "model": self.client.server.identity,
            "prompt_id": content_id("prompts", *(prompts.load(name).id for name in _PROMPTS)),
        }


def opening(definitions: str, rest: str) -> list[Message]:
    """The messages that ask for the function of a file: rules, examples, both halves of the file."""
    messages = [_message("system", "unify")]
    for number in _EXAMPLES:
        messages.append(_message("user", f"unify_example_{number}_file"))
        messages.append(_message("assistant", f"unify_example_{number}_reply"))
    return [*messages, _message("user", "unify_file", definitions=definitions, rest=rest)]


def inferred(texts: list[str]) -> str:
    """A JSON Schema that all these values satisfy."""
    builder = SchemaBuilder(schema_uri=None)
    for text in texts:
        builder.add_object(json.loads(text))
    return canonical(builder.to_schema())


def _gives_away(description: Description, examples: Examples) -> bool:
    """Whether the example that was shown to the model stands in what it wrote: pairs are never told."""
    told = "".join(f"{description.query} {description.io_description}".split())
    shown = [*json.loads(examples.inputs[0]).values(), json.loads(examples.outputs[0])]
    texts = ("".join(canonical(value).split()) for value in shown)
    return any(len(text) >= FEWEST_TELLING_CHARS and text in told for text in texts)


def _message(role: str, name: str, **values: object) -> Message:
    return {"role": role, "content": prompts.load(name).render(**values)}
