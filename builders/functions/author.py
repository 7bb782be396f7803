"""The conversation of stage 2: what a model is asked about a file, and what its replies leave standing.

In: drafts, one for each file. Done to them: a function, a generator of inputs that suits it, examples of
what it returns, a description; or a fault, the last thing that went wrong. The model writes only what a file
does not have yet: `main_solution`, which may call what the file defines, and `input_generator`. Where its
function is of no use, the file's own one takes its place. A reply that failed is never shown again, since
small models repeat what they see; only what went wrong with the last generator is told.

Not covered: how often and in which order to ask (`functions`).
"""

from dataclasses import dataclass
from typing import Any

import prompts
from builders.execution import Prover, Sandbox
from builders.functions import reading
from builders.functions.inside.inspection import ENTRYPOINT
from builders.functions.replies import Description, code_in, description_in, gives_away, repeats
from builders.functions.trials import Candidate, Examples, Fault, tried
from builders.functions.wrapping import wrapped
from builders.inference import Client, Refusal
from builders.stage import Row

Message = dict[str, str]
CODE_TOKENS = 600
DESCRIPTION_TOKENS = 400
MOST_REST_CHARS = 1500
"""How much of the rest of a file a request for a generator shows: example data stands there."""
UNIFY_EXAMPLES = (1, 2, 3)
GENERATE_EXAMPLES = (1, 2)
PROMPTS = (
    *("unify", "unify_file", "generate", "generate_function"),
    *(f"unify_example_{number}_{half}" for number in UNIFY_EXAMPLES for half in ("file", "reply")),
    *(f"generate_example_{number}_{half}" for number in GENERATE_EXAMPLES for half in ("function", "reply")),
    *("describe", "describe_function", "describe_example_function", "describe_example_reply"),
)


@dataclass
class Draft:
    """How far the function of one file has come.

    `own` is the file's own function, if there is one; `is_own`: whether it is in use.
    """

    row: Row
    definitions: str
    rest: str
    own: dict[str, Any] | None
    function: dict[str, Any] | None = None
    is_own: bool = False
    generator: str = ""
    reply: str = ""
    examples: Examples | None = None
    description: Description | None = None
    fault: Fault | None = None

    @property
    def wants_generator(self) -> bool:
        """Whether it has a function that other inputs may do justice."""
        if self.examples or not self.function:
            return False
        return self.fault is None or self.fault.of_inputs

    @property
    def may_fall_back(self) -> bool:
        """Whether the file has a function of its own to try."""
        return not self.examples and self.own is not None and not self.is_own

    def fall_back(self) -> None:
        """Let the file's own function take the place of one that is of no use."""
        self.function, self.is_own = self.own, True
        self.generator, self.fault = "", None


class Author:
    """Asks the model and tries what it wrote; each method works on many drafts side by side."""

    def __init__(self, client: Client, sandbox: Sandbox, prover: Prover, seed: int) -> None:
        self.client = client
        self.sandbox = sandbox
        self.prover = prover
        self.seed = seed

    def drafts(self, rows: list[Row]) -> list[Draft]:
        """Read the files."""
        halves = reading.files_read(self.sandbox, [row["content"] for row in rows])
        return [
            Draft(row, half["definitions"], half["rest"], half["function"])
            for row, half in zip(rows, halves, strict=True)
        ]

    def write_functions(self, drafts: list[Draft], temperature: float) -> None:
        """Have both functions written, and try them."""
        payloads = [self._payload(_about_file(draft), temperature, CODE_TOKENS) for draft in drafts]
        for draft, found in self._inspected(drafts, payloads, [draft.row["content"] for draft in drafts]):
            draft.function, draft.fault = _taken(found["function"])
            if draft.function:
                self._take_generator(draft, found)
        self._try(drafts)

    def write_generators(self, drafts: list[Draft], temperature: float) -> None:
        """Have new generators written for the functions as they are, and try them."""
        payloads = [self._payload(_about_function(draft), temperature, CODE_TOKENS) for draft in drafts]
        shown = [_shown_code(draft) for draft in drafts]
        for draft, found in self._inspected(drafts, payloads, shown):
            self._take_generator(draft, found)
        self._try(drafts)

    def describe(self, drafts: list[Draft], temperature: float) -> None:
        """Have functions that work described."""
        payloads = [self._payload(_about_example(draft), temperature, DESCRIPTION_TOKENS) for draft in drafts]
        for draft, answer in zip(drafts, self.client.ask(payloads), strict=True):
            assert draft.function
            assert draft.examples
            if isinstance(answer, Refusal):
                draft.fault = Fault(answer.reason, answer.detail)
                continue
            draft.reply = answer.text
            description = description_in(answer.text, draft.function["parameters"])
            if answer.finish_reason == "length":
                draft.fault = Fault(
                    "truncated", f"the description is longer than {DESCRIPTION_TOKENS} tokens"
                )
            elif description is None:
                draft.fault = Fault("no_description", "the description lacks a section or a parameter")
            elif gives_away(description, draft.examples.inputs[0], draft.examples.outputs[0]):
                draft.fault = Fault("no_description", "the description tells a pair of the function")
            elif repeats(description, prompts.load("describe_example_reply").text):
                draft.fault = Fault("no_description", "the description is that of the worked example")
            else:
                draft.description = description

    def _inspected(
        self, drafts: list[Draft], payloads: list[dict[str, Any]], sources: list[str]
    ) -> list[tuple[Draft, dict[str, Any]]]:
        """The drafts whose replies hold code, each with what is in it; the others get their fault.

        `sources`: the code that each reply may call.
        """
        coded: list[Draft] = []
        replies: list[tuple[str, str]] = []
        for draft, source, answer in zip(drafts, sources, self.client.ask(payloads), strict=True):
            if isinstance(answer, Refusal):
                draft.fault = Fault(answer.reason, answer.detail, of_inputs=False)
                continue
            draft.reply = answer.text
            cut_off = answer.finish_reason == "length"
            code = code_in(answer.text, cut_off)
            if code is not None:
                coded.append(draft)
                replies.append((code, source))
            elif cut_off:
                draft.fault = Fault("truncated", f"the reply is longer than {CODE_TOKENS} tokens")
            else:
                draft.fault = Fault("no_code", "the reply holds no Python code")
        return list(zip(coded, reading.replies_inspected(self.sandbox, replies), strict=True))

    def _take_generator(self, draft: Draft, found: dict[str, Any]) -> None:
        generator, draft.fault = _taken(found["generator"])
        draft.generator = generator["input_generator"] if generator else ""

    def _try(self, drafts: list[Draft]) -> None:
        """Run what has both halves, wrapped where that may help; a wrapper stays only if it did."""
        pending = [
            (draft, draft.function)
            for draft in drafts
            if draft.function and draft.generator and not draft.fault
        ]
        while pending:
            candidates = [_candidate(function, draft.generator) for draft, function in pending]
            trials = tried(self.sandbox, self.prover, candidates, self.seed)
            again = []
            for (draft, function), trial in zip(pending, trials, strict=True):
                if isinstance(trial, Examples):
                    draft.function, draft.examples, draft.fault = function, trial, None
                    continue
                draft.fault = trial
                if better := wrapped(function, trial.lack):
                    again.append((draft, better))
            pending = again

    def _payload(self, messages: list[Message], temperature: float, max_tokens: int) -> dict[str, Any]:
        return {
            "messages": messages,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "seed": self.seed,
        }


def candidate(draft: Draft) -> Candidate:
    """What a draft holds now, ready to be run."""
    assert draft.function
    return _candidate(draft.function, draft.generator)


def _candidate(function: dict[str, Any], generator: str) -> Candidate:
    return Candidate(function["reference_code"], ENTRYPOINT, function["parameters"], generator)


def _taken(half: dict[str, Any]) -> tuple[dict[str, Any] | None, Fault | None]:
    """A half of a reply, or its fault."""
    return (None, Fault(half["reason"], half["detail"])) if "reason" in half else (half, None)


def _about_file(draft: Draft) -> list[Message]:
    """Rules, examples, both parts of the file."""
    messages = [_message("system", "unify")]
    for number in UNIFY_EXAMPLES:
        messages.append(_message("user", f"unify_example_{number}_file"))
        messages.append(_message("assistant", f"unify_example_{number}_reply"))
    return [*messages, _message("user", "unify_file", definitions=draft.definitions, rest=draft.rest)]


def _about_function(draft: Draft) -> list[Message]:
    """Rules, examples, the function, how its file goes on, what went wrong before."""
    assert draft.function
    messages = [_message("system", "generate")]
    for number in GENERATE_EXAMPLES:
        messages.append(_message("user", f"generate_example_{number}_function"))
        messages.append(_message("assistant", f"generate_example_{number}_reply"))
    shown = {
        "reference_code": _shown_code(draft).rstrip("\n"),
        "rest": draft.rest if len(draft.rest) <= MOST_REST_CHARS else "",
        "detail": draft.fault.detail if draft.fault else "",
        "parameters": ", ".join(f"`{name}`" for name in draft.function["parameters"]),
    }
    return [*messages, _message("user", "generate_function", **shown)]


def _about_example(draft: Draft) -> list[Message]:
    """Rules, an example, the function as it ended with one of its pairs."""
    assert draft.function
    assert draft.examples
    shown = {
        "reference_code": _shown_code(draft).rstrip("\n"),
        "input": draft.examples.inputs[0],
        "output": draft.examples.outputs[0],
    }
    return [
        _message("system", "describe"),
        _message("user", "describe_example_function"),
        _message("assistant", "describe_example_reply"),
        _message("user", "describe_function", **shown),
    ]


def _shown_code(draft: Draft) -> str:
    """The code without wrappers, which would be described instead of what they wrap."""
    assert draft.function
    return str(draft.function.get("unwrapped", draft.function["reference_code"]))


def _message(role: str, name: str, **values: object) -> Message:
    return {"role": role, "content": prompts.load(name).render(**values)}
