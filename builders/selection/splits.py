"""Which split a function's rows are in: a function and its near-copies never stand on both sides.

In: `functions`. Out: a cluster for each, the hash of its code's syntax tree without comments, docstrings,
annotations and the names it gives. `test` is a fixed share of the hashes' range, so a function never moves
from one version of the data to the next.

Not covered: copies that order their statements otherwise.
"""

import sys
from collections.abc import Iterator

from builders.execution import Sandbox
from builders.execution.program import called, digest, program
from builders.schema import content_id, features_of
from builders.selection.inside import shape
from builders.stage import Drop, Row, Stage
from builders.verifier import canonical

SHAPE = program(shape)


class Clusters(Stage):
    """Functions to the cluster of each."""

    name = "clusters"
    version = 2
    features = features_of({"function_id": "string", "cluster": "string"})
    key = ("function_id",)

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def identity(self) -> Row:
        """The interpreter's version: what parses differs by it."""
        return {"python": list(sys.version_info[:2]), "shape": digest(shape)}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Hash each function's shape in the sandbox; one that cannot be parsed is a cluster of its own."""
        found = called(self.sandbox, SHAPE, "shape", ({"code": row["reference_code"]} for row in rows))
        for row, hashed in zip(rows, found, strict=True):
            cluster = row["function_id"] if hashed is None else canonical(hashed)
            yield {"function_id": row["function_id"], "cluster": content_id("cluster", cluster)}


def split_of(cluster: str, test_share: float) -> str:
    """`test` for a fixed share of the range of cluster ids, else `train`."""
    return "test" if int(cluster, 16) < test_share * 16 ** len(cluster) else "train"
