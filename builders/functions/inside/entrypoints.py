"""The functions that the host calls (`reading`). Runs inside the sandbox.

Tested in tests/builders/functions/inside/test_own_function.py.
"""

from builders.functions.inside.inspection import inspect_code, read_file
from builders.functions.inside.own_function import own_function

__all__ = ["inspect_code", "own_function", "read_file"]
