"""The split of a function is the same on every machine and in every version of Python."""

import pytest

from builders.execution import Limits, Sandbox
from builders.selection.splits import Clusters, split_of

CODE = '''
import math

class Shape:
    """A square."""

    def __init__(self, side: float = 2.0):
        self.side = side

def area(shapes, *, unit="m"):
    """Sum of areas."""
    total = sum(shape.side ** 2 for shape in shapes if shape.side > 0)  # none below zero
    return {unit: round(total, 2), "text": f"{total!r:>8} {math.pi:.2f}", "none": None, "ok": not []}
'''


@pytest.fixture(scope="module")
def clusters_of():
    with Sandbox(Limits(cpu_s=2, wall_s=10)) as sandbox:
        yield lambda *codes: [
            row["cluster"]
            for row in Clusters(sandbox).rows(
                [{"function_id": str(index), "reference_code": code} for index, code in enumerate(codes)]
            )
        ]


def test_names_comments_and_annotations_do_not_count_but_code_does(clusters_of):
    renamed = CODE.replace("shape", "form").replace("total", "n").replace(": float", "")
    other = CODE.replace("> 0", ">= 0")
    original, same, different = clusters_of(CODE, renamed, other)
    assert original == same != different


def test_a_cluster_is_the_same_in_every_python(clusters_of):
    assert clusters_of(CODE) == ["31557007095fe35d"]


def test_the_test_share_is_the_low_end_of_the_range():
    assert split_of("0" * 16, 0.02) == "test"
    assert split_of("f" * 16, 0.02) == "train"
    assert split_of("f" * 16, 1.0) == "test"
    assert split_of("0" * 16, 0.0) == "train"
