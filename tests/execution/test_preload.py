"""The kind of worker follows from what the text seems to import."""

import time

import pytest

from builders.execution.preload import kind_for


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("", "stdlib"),
        ("import math, json", "stdlib"),
        ("# numpy would be nice", "stdlib"),
        ("import numpy as np", "numpy"),
        ("def f():\n    from numpy.linalg import norm", "numpy"),
        ("import math, numpy", "numpy"),
        ("import pandas as pd\nimport numpy as np", "scientific"),
        ("from scipy.special import comb", "scientific"),
        ("import os; import sympy", "scientific"),
        ("import os; sympy = 1", "stdlib"),
        ("import os; from scipy import stats; import numpy", "scientific"),
    ],
)
def test_kind(code: str, kind: str) -> None:
    assert kind_for(code) == kind


def test_untrusted_text_takes_linear_time() -> None:
    began_s = time.process_time()
    assert kind_for("#" + "import " * 8_000) == "stdlib"
    assert time.process_time() - began_s < 1
