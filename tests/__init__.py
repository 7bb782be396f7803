"""Tests: `builders/`, `hub/` and `notebooks/` mirror the source, `stories/` follow a user from end to end.

`doubles/` holds servers for tests to talk to, `bench/` holds measurements.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The root of the checkout."""
SHARED = ROOT.parent / "shared"
"""The folder of real inputs beside the checkout; not every machine has one."""
