"""The check that code parses. It runs inside the sandbox: deep nesting can crash the parser's process.

Tested in tests/builders/test_raw_code.py.
"""

import ast
import warnings


def parses(source: str) -> bool:
    """Return whether this is valid Python of the running version."""
    warnings.simplefilter("ignore")
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True
