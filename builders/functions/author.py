"""The conversation of stage 2: what the model is asked about a file, and what is used of its replies.

In: drafts, one for each file. Out: each draft gets a function, a generator of suitable inputs, examples of
what the function returns, and a description; or a fault, the last thing that went wrong. The model writes
only what the file does not have yet: `main_solution`, which may call what the file defines, and
`input_generator`. If its function is of no use, the file's own function takes its place. A reply that failed
is never shown to the model again, since small models repeat what they see; the next request for a generator
only says what went wrong with the last one.

Not covered: how often and in which order to ask (`stage`).
"""

from dataclasses import dataclass
from typing import Any

import prompts
from builders.execution import Prover, Sandbox
from builders.functions import reading
from builders.functions.inside.inspection import ENTRYPOINT
from builders.functions.replies import Description, code_in, copies_example, description_in, reveals_pair
from builders.functions.trials import Candidate, Examples, Fault, try_candidates
from builders.functions.wrapping import wrap
from builders.inference import Client, Refusal
from builders.stage import Row

Message = dict[str, str]
CODE_TOKENS = 600
DESCRIPTION_TOKENS = 400
MAX_REST_CHARS = 1500
"""A request for a generator shows the rest of a file, with its example data, if it is no longer than this."""
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
    """A function in the making, for one file.

    Attributes:
        row: The file, as a row of `raw_code`.
        definitions: Text of the part of the file that the model's code may call.
        rest: Text of the other part of the file.
        file_function: The file's own function (`reference_code`, `parameters`, `signature`), if it has one.
        function: The function in use, in the same form; if it is wrapped, `unwrapped` is its code without the
            wrappers.
        uses_file_function: Whether `function` is the file's own function instead of the model's.
        generator: Code of `input_generator`, empty as long as there is none that can be tried.
        reply: The model's last reply, empty before the first.
        examples: Inputs and outputs of a successful trial; None before that.
        description: The accepted description; None before that.
        fault: The last thing that went wrong, if anything did.
    """

    row: Row
    definitions: str
    rest: str
    file_function: dict[str, Any] | None
    function: dict[str, Any] | None = None
    uses_file_function: bool = False
    generator: str = ""
    reply: str = ""
    examples: Examples | None = None
    description: Description | None = None
    fault: Fault | None = None

    @property
    def wants_generator(self) -> bool:
        """Whether the function in use has no examples yet, but may work with different inputs."""
        if self.examples or not self.function:
            return False
        return self.fault is None or self.fault.other_inputs_may_help

    @property
    def may_fall_back(self) -> bool:
        """Whether the file has a function of its own that was not tried yet."""
        return not self.examples and self.file_function is not None and not self.uses_file_function

    def fall_back(self) -> None:
        """Replace a function that is of no use with the file's own."""
        self.function, self.uses_file_function = self.file_function, True
        self.generator, self.fault = "", None


class Author:
    """The author of functions: asks the model, and tries what it wrote, for many drafts at once."""

    def __init__(self, client: Client, sandbox: Sandbox, prover: Prover, seed: int) -> None:
        self.client = client
        self.sandbox = sandbox
        self.prover = prover
        self.seed = seed

    def make_drafts(self, rows: list[Row]) -> list[Draft]:
        """Read the files, and return a draft for each."""
        halves = reading.read_files(self.sandbox, [row["content"] for row in rows])
        return [
            Draft(row, half["definitions"], half["rest"], half["function"])
            for row, half in zip(rows, halves, strict=True)
        ]

    def write_functions(self, drafts: list[Draft], temperature: float) -> None:
        """Ask the model for functions with generators, and try them."""
        payloads = [self._payload(_function_messages(draft), temperature, CODE_TOKENS) for draft in drafts]
        sources = [draft.row["content"] for draft in drafts]
        for draft, inspected in self._inspect_replies(drafts, payloads, sources):
            draft.function, draft.fault = _half_or_fault(inspected["function"])
            if draft.function:
                self._take_generator(draft, inspected)
        self._run_trials(drafts)

    def write_generators(self, drafts: list[Draft], temperature: float) -> None:
        """Ask the model for new generators for the functions as they are, and try them."""
        payloads = [self._payload(_generator_messages(draft), temperature, CODE_TOKENS) for draft in drafts]
        sources = [_shown_code(draft) for draft in drafts]
        for draft, inspected in self._inspect_replies(drafts, payloads, sources):
            self._take_generator(draft, inspected)
        self._run_trials(drafts)

    def describe(self, drafts: list[Draft], temperature: float) -> None:
        """Ask the model to describe functions that work; give each draft a description or a fault."""
        payloads = [
            self._payload(_description_messages(draft), temperature, DESCRIPTION_TOKENS) for draft in drafts
        ]
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
            elif reveals_pair(description, draft.examples.inputs[0], draft.examples.outputs[0]):
                draft.fault = Fault("no_description", "the description tells a pair of the function")
            elif copies_example(description, prompts.load("describe_example_reply").text):
                draft.fault = Fault("no_description", "the description is that of the worked example")
            else:
                draft.description = description

    def _inspect_replies(
        self, drafts: list[Draft], payloads: list[dict[str, Any]], sources: list[str]
    ) -> list[tuple[Draft, dict[str, Any]]]:
        """Return the drafts whose replies hold code, each with its inspected reply; set the others' faults.

        `sources` is the code that each reply may call.
        """
        drafts_with_code: list[Draft] = []
        replies: list[tuple[str, str]] = []
        for draft, source, answer in zip(drafts, sources, self.client.ask(payloads), strict=True):
            if isinstance(answer, Refusal):
                draft.fault = Fault(answer.reason, answer.detail, other_inputs_may_help=False)
                continue
            draft.reply = answer.text
            cut_off = answer.finish_reason == "length"
            code = code_in(answer.text, cut_off)
            if code is not None:
                drafts_with_code.append(draft)
                replies.append((code, source))
            elif cut_off:
                draft.fault = Fault("truncated", f"the reply is longer than {CODE_TOKENS} tokens")
            else:
                draft.fault = Fault("no_code", "the reply holds no Python code")
        return list(zip(drafts_with_code, reading.inspect_replies(self.sandbox, replies), strict=True))

    def _take_generator(self, draft: Draft, inspected: dict[str, Any]) -> None:
        generator, draft.fault = _half_or_fault(inspected["generator"])
        draft.generator = generator["input_generator"] if generator else ""

    def _run_trials(self, drafts: list[Draft]) -> None:
        """Try drafts that have both halves. If a wrapper may help, try it, and keep it only if it does."""
        pending = [
            (draft, draft.function)
            for draft in drafts
            if draft.function and draft.generator and not draft.fault
        ]
        while pending:
            candidates = [_candidate(function, draft.generator) for draft, function in pending]
            trials = try_candidates(self.sandbox, self.prover, candidates, self.seed)
            wrapped_functions = []
            for (draft, function), trial in zip(pending, trials, strict=True):
                if isinstance(trial, Examples):
                    draft.function, draft.examples, draft.fault = function, trial, None
                    continue
                draft.fault = trial
                if better := wrap(function, trial.wrapper):
                    wrapped_functions.append((draft, better))
            pending = wrapped_functions

    def _payload(self, messages: list[Message], temperature: float, max_tokens: int) -> dict[str, Any]:
        return {
            "messages": messages,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "seed": self.seed,
        }


def candidate(draft: Draft) -> Candidate:
    """Return the function and the generator of a draft, ready to be run."""
    assert draft.function
    return _candidate(draft.function, draft.generator)


def _candidate(function: dict[str, Any], generator: str) -> Candidate:
    return Candidate(function["reference_code"], ENTRYPOINT, function["parameters"], generator)


def _half_or_fault(half: dict[str, Any]) -> tuple[dict[str, Any] | None, Fault | None]:
    """Return a half of a reply (its function or generator) and no fault, or None and its fault."""
    return (None, Fault(half["reason"], half["detail"])) if "reason" in half else (half, None)


def _function_messages(draft: Draft) -> list[Message]:
    """Return the request for a function: rules, examples, and both parts of the file."""
    messages = [_message("system", "unify")]
    for number in UNIFY_EXAMPLES:
        messages.append(_message("user", f"unify_example_{number}_file"))
        messages.append(_message("assistant", f"unify_example_{number}_reply"))
    return [*messages, _message("user", "unify_file", definitions=draft.definitions, rest=draft.rest)]


def _generator_messages(draft: Draft) -> list[Message]:
    """Return the request for a generator: rules, examples, function, rest of its file, last fault."""
    assert draft.function
    messages = [_message("system", "generate")]
    for number in GENERATE_EXAMPLES:
        messages.append(_message("user", f"generate_example_{number}_function"))
        messages.append(_message("assistant", f"generate_example_{number}_reply"))
    values = {
        "reference_code": _shown_code(draft).rstrip("\n"),
        "rest": draft.rest if len(draft.rest) <= MAX_REST_CHARS else "",
        "detail": draft.fault.detail if draft.fault else "",
        "parameters": ", ".join(f"`{name}`" for name in draft.function["parameters"]),
    }
    return [*messages, _message("user", "generate_function", **values)]


def _description_messages(draft: Draft) -> list[Message]:
    """Return the request for a description: rules, an example, final function, one of its pairs."""
    assert draft.function
    assert draft.examples
    values = {
        "reference_code": _shown_code(draft).rstrip("\n"),
        "input": draft.examples.inputs[0],
        "output": draft.examples.outputs[0],
    }
    return [
        _message("system", "describe"),
        _message("user", "describe_example_function"),
        _message("assistant", "describe_example_reply"),
        _message("user", "describe_function", **values),
    ]


def _shown_code(draft: Draft) -> str:
    """Return the code without wrappers: the model would describe these instead of what they wrap."""
    assert draft.function
    return str(draft.function.get("unwrapped", draft.function["reference_code"]))


def _message(role: str, name: str, **values: object) -> Message:
    return {"role": role, "content": prompts.load(name).render(**values)}
