"""Stage 3: inputs drawn from a function's generator, and outputs proven to follow from them.

In: `functions` (or functions that come with recorded pairs). Out: `io_pairs`, at most `max_pairs` a function,
in the order of their draws. Each input is drawn twice, to check that its seed yields it, and stored as it was
before the call. Each pair is run in three environments with different seeds, hash seeds, order and clock. If
the runs of one input disagree, the whole function is dropped: agreement on its other inputs may be luck.

Not covered: what is the same in every environment (see `execution.proof`).
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from builders.execution import Draw, Execution, Job, Proof, Prover, Sandbox
from builders.json_schemas import BadSchema, validator
from builders.options import IOPairsOptions
from builders.schema import TABLES
from builders.stage import Drop, Row, Stage
from builders.verifier import canonical, equal, fits

DRAWS_A_ROUND = (10, 40, 150, 800)
"""Draws per round, 1,000 in all (CodeI/O, App. A); later rounds are for functions with too few pairs."""
MIN_DISTINCT = 5
"""With this many different inputs and only one output, a function counts as constant."""
MAX_TIMEOUTS = 3
"""After this many timeouts the search for pairs ends, because each one costs the whole time limit."""


@dataclass
class _Search:
    """The state of the search for a function's pairs; `end` is the reason if it ended early."""

    function: Row
    pairs: list[Row] = field(default_factory=list)
    inputs: set[str] = field(default_factory=set)
    candidates: list[tuple[int, str]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    last_error: str = ""
    end: str | None = None
    schemas: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """End the search at once if the function cannot be used: tables may come from strangers."""
        needed = ("function_id", "query", "reference_code", "entrypoint")
        missing = [column for column in needed if not self.function[column]]
        if missing:
            self.end, self.last_error = "missing_column", f"no {', '.join(missing)}"
            return
        if not (self.is_recorded or self.function["input_generator"]):
            self.end = "no_generator"
        for column in ("input_schema", "output_schema"):
            try:
                self.schemas[column] = validator(self.function[column])
            except BadSchema as error:
                self.end, self.last_error = "bad_schema", f"{column}: {error}"

    @property
    def is_recorded(self) -> bool:
        """Whether the function came with recorded pairs."""
        return bool(self.function.get("recorded"))

    def reject(self, reason: str, execution: Execution) -> None:
        self.rejected[reason] += 1
        if execution.error_type:
            self.last_error = f"{execution.error_type}: {execution.error_message}"


class IOPairs(Stage):
    """The stage from functions to proven pairs; a function without one is dropped with the main reason."""

    makes = TABLES["io_pairs"]
    version = 4
    options: IOPairsOptions

    def __init__(self, options: IOPairsOptions, sandbox: Sandbox, prover: Prover) -> None:
        """Prepare the stage; sandbox and prover must run code within the limits of the options."""
        self.options = options
        self.sandbox = sandbox
        self.prover = prover

    def identity(self) -> Row:
        """Return the versions of the interpreter that runs the code."""
        return {"python": list(sys.version_info[:2]), "numpy": self.sandbox.numpy_version}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Draw and prove in rounds over all functions of the batch, which keeps the sandbox busy."""
        searches = {row["function_id"]: _Search(row) for row in rows}
        recorded = [search for search in searches.values() if search.is_recorded and search.end is None]
        results_of_recorded = {
            search.function["function_id"]: results
            for search, results in zip(recorded, self._recorded_results(recorded), strict=True)
        }
        first = 0
        for count in DRAWS_A_ROUND:
            self._run_round([search for search in searches.values() if self._is_open(search)], first, count)
            first += count
        for row in rows:
            if row["function_id"] in results_of_recorded:
                yield from results_of_recorded[row["function_id"]]
            else:
                yield from self._results(searches[row["function_id"]])

    def _is_open(self, search: _Search) -> bool:
        """Return whether to draw more inputs: no if there are enough pairs, or inputs but no pair."""
        is_hopeless = search.rejected["timeout"] >= MAX_TIMEOUTS or (search.inputs and not search.pairs)
        has_draws = search.end is None and not search.is_recorded
        return has_draws and not is_hopeless and len(search.pairs) < self._n_needed

    @property
    def _n_needed(self) -> int:
        """The number of pairs to find; it is also enough to recognise a constant function."""
        return max(self.options.max_pairs, MIN_DISTINCT)

    def _run_round(self, searches: list[_Search], first: int, count: int) -> None:
        draws = [
            Draw(
                code=search.function["reference_code"],
                generator=search.function["input_generator"],
                seed=self.options.seed,
                function_id=search.function["function_id"],
                first=first,
                count=count,
            )
            for search in searches
        ]
        drawn_twice = zip(self.sandbox.draw_many(draws), self.sandbox.draw_many(draws), strict=True)
        for search, (drawn, redrawn) in zip(searches, drawn_twice, strict=True):
            self._choose(search, first, drawn, redrawn)
        jobs = [self._job(search.function, [text for _, text in search.candidates]) for search in searches]
        for search, proofs in zip(searches, self.prover.prove_many(jobs), strict=True):
            self._add_pairs(search, proofs)

    def _choose(self, search: _Search, first: int, drawn: list[Execution], redrawn: list[Execution]) -> None:
        """Choose different inputs within the limits, at most as many as there are pairs missing."""
        search.candidates = []
        schema = search.schemas["input_schema"]
        n_missing = self._n_needed - len(search.pairs)
        for draw, (execution, repeat) in enumerate(zip(drawn, redrawn, strict=True), first):
            text = execution.output
            if execution.status == "timeout":
                search.reject("timeout", execution)
            elif execution.status != "ok" or text is None:
                search.reject("generator_failed", execution)
            elif text != repeat.output:
                search.rejected["generator_unseeded"] += 1
            elif text in search.inputs:
                search.rejected["repeated_input"] += 1
            elif not text.startswith("{"):
                search.rejected["input_not_object"] += 1
            elif not fits(text):
                search.rejected["input_too_large"] += 1
            elif not schema.is_valid(json.loads(text)):
                search.rejected["input_schema_mismatch"] += 1
            elif len(search.candidates) < n_missing:
                search.inputs.add(text)
                search.candidates.append((draw, text))
        if first == 0 and all(execution.status != "ok" for execution in drawn):
            search.end = "generator_failed"

    def _add_pairs(self, search: _Search, proofs: list[Proof]) -> None:
        """Add a pair for each candidate that is proven, and count why the others are not."""
        schema = search.schemas["output_schema"]
        for (draw, text), proof in zip(search.candidates, proofs, strict=True):
            reason = _rejection(proof, schema)
            if reason == "nondeterministic":
                search.end, search.last_error = reason, proof.detail
                return
            if reason:
                search.reject(reason, proof.execution)
                continue
            output = str(proof.execution.output)
            search.pairs.append(self._pair(search.function, text, output, self.options.seed, draw))

    def _results(self, search: _Search) -> Iterator[Row | Drop]:
        """Yield the pairs of a function, or one drop with the reason why it has none."""
        function, pairs = search.function, search.pairs
        reason = search.end
        if reason is None and not pairs:
            # Repeated inputs do not explain why other inputs made no pair: any other reason is better.
            reason = max(search.rejected, key=lambda name: (name != "repeated_input", search.rejected[name]))
        if reason is None and len(pairs) >= MIN_DISTINCT and len({pair["output"] for pair in pairs}) == 1:
            reason, search.last_error = (
                "constant_output",
                f"{len(pairs)} inputs, all give {pairs[0]['output']}",
            )
        if reason is None:
            yield from pairs[: self.options.max_pairs]
            return
        counts = ", ".join(f"{count} {name}" for name, count in search.rejected.most_common())
        detail = "; ".join(filter(None, (search.last_error, counts)))
        code = function["reference_code"] or ""
        yield Drop(function["function_id"], function["code_id"], reason, detail, code)

    def _recorded_results(self, searches: list[_Search]) -> Iterator[list[Row | Drop]]:
        """Prove the pairs that came with functions; if one is not reproduced, only that one is dropped."""
        jobs = [
            self._job(search.function, [pair["input"] for pair in search.function["recorded"]])
            for search in searches
        ]
        for search, proofs in zip(searches, self.prover.prove_many(jobs), strict=True):
            function, schema = search.function, search.schemas["output_schema"]
            results: list[Row | Drop] = []
            for index, (pair, proof) in enumerate(zip(function["recorded"], proofs, strict=True)):
                reason, detail = _recorded_rejection(pair, proof, schema)
                row = self._pair(function, pair["input"], str(proof.execution.output), None, index)
                if reason:
                    pair_id = self.makes.id({**pair, "function_id": function["function_id"]})
                    results.append(Drop(pair_id, function["function_id"], reason, detail, canonical(pair)))
                elif sum(not isinstance(result, Drop) for result in results) < self.options.max_pairs:
                    results.append(row)
            if any(isinstance(result, Drop) and result.reason == "nondeterministic" for result in results):
                results = [_dropped_with_sibling(result) for result in results]
            yield results

    @staticmethod
    def _job(function: Row, inputs: list[str]) -> Job:
        return Job(code=function["reference_code"], entrypoint=function["entrypoint"], inputs=inputs)

    @staticmethod
    def _pair(function: Row, text: str, output: str, seed: int | None, draw: int) -> Row:
        pair = {
            "function_id": function["function_id"],
            "input": text,
            "output": output,
            "seed": seed,
            "draw": draw,
        }
        return {"pair_id": TABLES["io_pairs"].id(pair), **pair}


def _dropped_with_sibling(result: Row | Drop) -> Row | Drop:
    """Return the drop of a pair whose function is not deterministic: the pair's runs may agree by luck."""
    if isinstance(result, Drop):
        return result
    content = canonical({"input": result["input"], "output": result["output"]})
    detail = "other inputs of this function give another output each time"
    return Drop(result["pair_id"], result["function_id"], "sibling_nondeterministic", detail, content)


def _recorded_rejection(pair: Row, proof: Proof, schema: Any) -> tuple[str | None, str]:
    """Return the reason why a recorded pair is not proven (None if it is), and a detail in words."""
    reason, execution = _rejection(proof, schema), proof.execution
    if reason == "nondeterministic":
        return reason, proof.detail
    if reason:
        return reason, f"{execution.error_type}: {execution.error_message}" if execution.error_type else ""
    if not fits(pair["input"]):
        return "input_too_large", ""
    if equal(json.loads(pair["output"]), json.loads(str(execution.output))):
        return None, ""
    detail = f"recorded {pair['output'][:300]}, the code returns {str(execution.output)[:300]}"
    return "recorded_after_mutation" if execution.mutated else "not_reproduced", detail


def _rejection(proof: Proof, schema: Any) -> str | None:
    """Return the reason why these runs prove no pair, or None if they prove one."""
    execution = proof.execution
    if execution.status == "timeout":
        return "timeout"
    if not proof.agrees:
        return "nondeterministic"
    if execution.status == "refused":
        return "not_json" if str(execution.error_type).startswith("not_json") else "refused"
    if execution.error_type == "ModuleNotFoundError":
        return "missing_module"
    if execution.status != "ok" or execution.output is None:
        return execution.status
    if not fits(execution.output):
        return "output_too_large"
    return None if schema.is_valid(json.loads(execution.output)) else "output_schema_mismatch"
