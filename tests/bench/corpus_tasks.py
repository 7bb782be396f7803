"""Tasks for benchmarks: questions about the sample files, with the length and shared prefixes of real ones.

In: the number of pairs to ask about for each file. Out: rows that `responses` takes. The pairs are made-up
numbers and not proven, since it does not matter here whether an answer is correct.
"""

from collections.abc import Iterator

from builders.raw_code import corpus
from builders.schema import content_id
from builders.stage import Row
from builders.tasks import Tasks


def task_rows(n_pairs: int, n_files: int | None = None) -> Iterator[Row]:
    """Yield two rows for each pair, function by function."""
    stage = Tasks()
    for file in sorted(corpus().rglob("*.py"))[:n_files]:
        code = file.read_text()
        function = {
            "function_id": content_id("function", code),
            "query": f"What does the program {file.stem} compute for a given n?",
            "io_description": "n: an integer. Returns an integer.",
            "reference_code": code,
            "entrypoint": "main_solution",
            "input_schema": '{"type":"object"}',
            "output_schema": '{"type":"integer"}',
        }
        pairs = (
            {**function, "pair_id": f"{number:016x}", "input": f'{{"n":{number}}}', "output": str(7 * number)}
            for number in range(1000, 1000 + n_pairs)
        )
        for task in stage.rows(list(pairs)):
            assert isinstance(task, dict)
            yield {**function, **task}
