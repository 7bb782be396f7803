"""Stage 2: a model turns raw files into functions with input generators, and describes them.

In: `raw_code`. Out: `functions`. A function and its generator are asked for together. What they are is tried
in the sandbox; a generator of no use is asked for anew, alone, then the function gives way to the file's own.
Functions that work are described in a second step, which sees the code as it ended and one of its examples.

Everything goes in rounds over all rows of a batch, so that the server is kept busy. A row's result depends on
that row alone. What is asked, and what is done with a reply: `drafts`.

Not covered: whether the function is what the file was meant for, and proof of its pairs (`io_pairs`).
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

import prompts
from builders.execution import Prover, Sandbox
from builders.execution.program import digest
from builders.functions import reading
from builders.functions.author import (
    CODE_TOKENS,
    DESCRIPTION_TOKENS,
    MOST_REST_CHARS,
    PROMPTS,
    Author,
    Draft,
    candidate,
)
from builders.functions.trials import N_DRAWS, N_RUNS
from builders.inference import Client
from builders.json_schemas import inferred
from builders.options import FunctionsOptions, Limits, part
from builders.schema import TABLES, content_id
from builders.stage import Drop, Row, Stage

# Temperatures; where there are several, each is asked until something works.
FUNCTION_AT = 0.0
GENERATORS_AT = (0.0, 0.7)
DESCRIPTIONS_AT = (0.0, 0.7)
# A trial is short: code that needs longer is told to draw smaller inputs.
TRIAL_CPU_S = 1
TRIAL_WALL_S = 10


class Functions(Stage):
    """Raw files to functions that ran; a file without one is dropped with the last thing that went wrong."""

    makes = TABLES["functions"]
    version = 3
    shard_rows = 64
    shards_at_once = 2
    asks_model = True
    options: FunctionsOptions

    def __init__(self, options: FunctionsOptions, client: Client, sandbox: Sandbox) -> None:
        """Of limits above those of a trial, nothing depends."""
        self.options = replace(
            options, cpu_s=min(options.cpu_s, TRIAL_CPU_S), wall_s=min(options.wall_s, TRIAL_WALL_S)
        )
        self.client = client
        self.sandbox = sandbox

    def abandon(self) -> None:
        """Wait for no more answers."""
        self.client.close()

    def identity(self) -> Row:
        """The model, every prompt, the plan of requests, the inspection, the interpreter and the trials."""
        return {
            **self.client.deciding(),
            "prompts": {name: prompts.load(name).id for name in PROMPTS},
            "temperatures": [FUNCTION_AT, GENERATORS_AT, DESCRIPTIONS_AT],
            "shown": [CODE_TOKENS, DESCRIPTION_TOKENS, MOST_REST_CHARS],
            "inspection": digest(*reading.MODULES),
            "trial": [N_DRAWS, N_RUNS],
            "python": list(sys.version_info[:2]),
            "numpy": self.sandbox.numpy_version,
        }

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Ask and try in rounds over the batch, then have the functions described."""
        limits, of = part(self.options, Limits), self.sandbox
        with (
            Sandbox(limits, of.preload, of.workers) as sandbox,
            Prover(limits, of.preload, of.workers) as prover,
        ):
            author = Author(self.client, sandbox, prover, self.options.seed)
            drafts = author.drafts(rows)
            _worked_out(author, drafts)
        for temperature in DESCRIPTIONS_AT:
            author.describe(
                [draft for draft in drafts if draft.examples and not draft.description], temperature
            )
        for draft in drafts:
            yield self._outcome(draft)

    def _outcome(self, draft: Draft) -> Row | Drop:
        code_id = draft.row["code_id"]
        if not (draft.examples and draft.description):
            assert draft.fault
            fault = draft.fault
            detail = f"{fault.detail} Input: {fault.given}" if fault.given else fault.detail
            return Drop(code_id, code_id, fault.reason, detail, draft.reply or draft.row["content"])
        written, description = candidate(draft), draft.description
        function = {
            "code_id": code_id,
            "query": description.query,
            "io_description": description.io_description,
            "reference_code": written.reference_code,
            "entrypoint": written.entrypoint,
            "input_generator": written.input_generator,
            "input_schema": inferred(draft.examples.inputs),
            "output_schema": inferred(draft.examples.outputs),
            "license": draft.row["license"],
            "model": self.client.identity,
            "prompt_id": prompts_id(),
        }
        return {"function_id": self.makes.id(function), **function}


def _worked_out(author: Author, drafts: list[Draft]) -> None:
    """The model's function, then the file's own, each with up to two more generators."""
    author.write_functions(drafts, FUNCTION_AT)
    for draft in drafts:
        if draft.may_fall_back and not draft.wants_generator:
            draft.fall_back()
    _with_inputs(author, drafts)
    again = [draft for draft in drafts if draft.may_fall_back]
    for draft in again:
        draft.fall_back()
    _with_inputs(author, again)


def _with_inputs(author: Author, drafts: list[Draft]) -> None:
    for temperature in GENERATORS_AT:
        author.write_generators([draft for draft in drafts if draft.wants_generator], temperature)


def prompts_id() -> str:
    """One id for all prompts that a function may be asked for with."""
    return content_id("prompts", *(prompts.load(name).id for name in PROMPTS))
