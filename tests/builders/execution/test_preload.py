"""The kind of worker depends on what the text seems to import."""

import json
import re
import sys
import time

import pytest

from builders.execution import Job, Limits, Sandbox, SandboxUnavailable
from builders.execution.preload import kind_for
from tests import ROOT

SECURITY = ROOT / "SECURITY.md"


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


def not_imported(tier: str) -> set[str]:
    """Return the modules of the standard library that code cannot import, each tried in its own process."""
    code = "import importlib\ndef f(x): importlib.import_module(x)"
    names = [name for name in sys.stdlib_module_names if not name.startswith("_")]
    inputs = [json.dumps({"x": name}) for name in names]
    with Sandbox(Limits(cpu_s=5, wall_s=60, memory_mb=256), tier=tier, workers=2) as sandbox:
        try:
            runs = sandbox.run(Job(code, "f", inputs, apart=True))
        except SandboxUnavailable as error:
            pytest.skip(str(error))
    return {name for name, run in zip(names, runs, strict=True) if run.error_type == "ModuleNotFoundError"}


def test_what_tier_d_cannot_import_is_listed() -> None:
    listed = set(" ".join(re.findall(r"^> (.*)", SECURITY.read_text(), re.MULTILINE)).split())
    nowhere = not_imported("landlock+seccomp")  # modules of Windows, or not part of this Python
    missing = not_imported("seccomp-noopen") - nowhere
    assert missing <= listed
    imported_by_others = {"readline", "rlcompleter"}  # in Python 3.13, modules that are loaded import them
    importable = listed & sys.stdlib_module_names - nowhere - set(sys.builtin_module_names)
    assert importable - missing <= imported_by_others
