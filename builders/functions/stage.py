"""Stage 2: a model turns raw files into functions with input generators, and describes them.

In: `raw_code`. Out: `functions`. The model is asked for a function and its generator together, and both are
tried in the sandbox. If the generator is of no use, a new one is requested alone. If that does not help, the
file's own function replaces the model's. Functions that work are described in a second step, which sees the
final code and one of its examples.

All rows of a batch are handled together, in rounds, so that the server is kept busy. A row's result depends
on that row alone. `author` says what is asked, and what is done with a reply.

Not covered: whether the function does what the file was meant for, and proof of its pairs (`io_pairs`).
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
    MAX_REST_CHARS,
    PROMPTS,
    Author,
    Draft,
    candidate,
)
from builders.functions.trials import N_DRAWS, N_RUNS
from builders.inference import Client
from builders.json_schemas import inferred_schema
from builders.options import FunctionsOptions, Limits, part
from builders.schema import TABLES, content_id
from builders.stage import Drop, Row, Stage

# Temperatures. If there are several, they are tried in this order until something works.
FUNCTION_TEMPERATURE = 0.0
GENERATOR_TEMPERATURES = (0.0, 0.7)
DESCRIPTION_TEMPERATURES = (0.0, 0.7)
# The limits of a trial are low: if code takes longer, the model is asked to draw smaller inputs.
TRIAL_CPU_S = 1
TRIAL_WALL_S = 10


class Functions(Stage):
    """Stage 2: raw files become functions that ran; any other file is dropped with the last fault."""

    makes = TABLES["functions"]
    version = 3
    shard_rows = 64
    shards_at_once = 2
    asks_model = True
    options: FunctionsOptions

    def __init__(self, options: FunctionsOptions, client: Client, sandbox: Sandbox) -> None:
        """Lower the time limits to those of a trial, so that identities do not depend on higher ones."""
        self.options = replace(
            options, cpu_s=min(options.cpu_s, TRIAL_CPU_S), wall_s=min(options.wall_s, TRIAL_WALL_S)
        )
        self.client = client
        self.sandbox = sandbox

    def cancel(self) -> None:
        """Stop waiting for answers."""
        self.client.close()

    def identity(self) -> Row:
        """Return what decides the functions: model, prompts, plan of requests, inspection, trials, Python."""
        return {
            **self.client.full_identity(),
            "prompts": {name: prompts.load(name).id for name in PROMPTS},
            "temperatures": [FUNCTION_TEMPERATURE, GENERATOR_TEMPERATURES, DESCRIPTION_TEMPERATURES],
            "shown": [CODE_TOKENS, DESCRIPTION_TOKENS, MAX_REST_CHARS],
            "inspection": digest(*reading.MODULES),
            "trial": [N_DRAWS, N_RUNS],
            "python": list(sys.version_info[:2]),
            "numpy": self.sandbox.numpy_version,
        }

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Yield a function or a drop for each file: ask and try in rounds, then ask for descriptions."""
        sandbox = self.sandbox.with_limits(part(self.options, Limits))
        author = Author(self.client, sandbox, Prover.sharing(sandbox), self.options.seed)
        drafts = author.make_drafts(rows)
        _make_functions(author, drafts)
        for temperature in DESCRIPTION_TEMPERATURES:
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
            detail = f"{fault.detail} Input: {fault.failing_input}" if fault.failing_input else fault.detail
            return Drop(code_id, code_id, fault.reason, detail, draft.reply or draft.row["content"])
        final, description = candidate(draft), draft.description
        function = {
            "code_id": code_id,
            "query": description.query,
            "io_description": description.io_description,
            "reference_code": final.reference_code,
            "entrypoint": final.entrypoint,
            "input_generator": final.input_generator,
            "input_schema": inferred_schema(draft.examples.inputs),
            "output_schema": inferred_schema(draft.examples.outputs),
            "license": draft.row["license"],
            "model": self.client.identity,
            "prompt_id": prompts_id(),
        }
        return {"function_id": self.makes.id(function), **function}


def _make_functions(author: Author, drafts: list[Draft]) -> None:
    """Try the model's function, then the file's own, each with up to two more generators."""
    author.write_functions(drafts, FUNCTION_TEMPERATURE)
    for draft in drafts:
        if draft.may_fall_back and not draft.wants_generator:
            draft.fall_back()
    _retry_generators(author, drafts)
    fallbacks = [draft for draft in drafts if draft.may_fall_back]
    for draft in fallbacks:
        draft.fall_back()
    _retry_generators(author, fallbacks)


def _retry_generators(author: Author, drafts: list[Draft]) -> None:
    for temperature in GENERATOR_TEMPERATURES:
        author.write_generators([draft for draft in drafts if draft.wants_generator], temperature)


def prompts_id() -> str:
    """Return one id for all prompts that may be used to make a function."""
    return content_id("prompts", *(prompts.load(name).id for name in PROMPTS))
