"""The train/test split of a function's rows: a function and its near-copies are always in the same split.

In: `functions`. Out: a cluster for each, the hash of its code's syntax tree without comments, docstrings,
annotations and the names that the code defines. `test` is a fixed share of the range of hashes, so a function
stays in its split in every version of the data.

Not covered: copies that have their statements in a different order.
"""

import sys
from collections.abc import Iterator

from builders.execution import Sandbox
from builders.execution.program import call_many, digest, program
from builders.schema import content_id, features_of
from builders.selection.inside import shape
from builders.stage import Drop, Row, Stage
from builders.verifier import canonical

SHAPE = program(shape)


class Clusters(Stage):
    """The stage that assigns each function to its cluster."""

    name = "clusters"
    version = 2
    features = features_of({"function_id": "string", "cluster": "string"})
    key = ("function_id",)

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def identity(self) -> Row:
        """Return the interpreter's version, which decides what parses, and a digest of the shape code."""
        return {"python": list(sys.version_info[:2]), "shape": digest(shape)}

    def rows(self, rows: list[Row]) -> Iterator[Row | Drop]:
        """Yield each function's cluster, hashed in the sandbox; its own if the code does not parse."""
        shapes = call_many(self.sandbox, SHAPE, "shape", ({"code": row["reference_code"]} for row in rows))
        for row, shape_hash in zip(rows, shapes, strict=True):
            cluster = row["function_id"] if shape_hash is None else canonical(shape_hash)
            yield {"function_id": row["function_id"], "cluster": content_id("cluster", cluster)}


def split_of(cluster: str, test_share: float) -> str:
    """Return `test` for a fixed share of the range of cluster ids, else `train`."""
    return "test" if int(cluster, 16) < test_share * 16 ** len(cluster) else "train"
