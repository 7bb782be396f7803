"""The kind of worker follows from what the text seems to import."""

import time

import pytest

from builders.execution.preload import kind_for


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("", "core"),
        ("import math, json", "core"),
        ("# numpy would be nice", "core"),
        ("import math, decimal", "stdlib"),
        ("def f():\n    from datetime import date", "stdlib"),
        ("import colorsys; queue = 1", "core"),
        ("import numpy as np", "numpy"),
        ("def f():\n    from numpy.linalg import norm", "numpy"),
        ("import math, numpy", "numpy"),
        ("import pandas as pd\nimport numpy as np", "scientific"),
        ("from scipy.special import comb", "scientific"),
        ("import os; import sympy", "scientific"),
        ("import os; sympy = 1", "core"),
        ("import os; from scipy import stats; import numpy", "scientific"),
    ],
)
def test_kind(code: str, kind: str) -> None:
    assert kind_for(code) == kind


def test_untrusted_text_takes_linear_time() -> None:
    began_s = time.process_time()
    assert kind_for("#" + "import " * 8_000) == "core"
    assert time.process_time() - began_s < 1
