"""Tests: `builders/`, `hub/` and `notebooks/` mirror the source, `stories/` follow a user through it.

`doubles/` are servers to talk to, `bench/` measures.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The checkout."""
SHARED = ROOT.parent / "shared"
"""Real inputs, which lie beside some checkouts."""
