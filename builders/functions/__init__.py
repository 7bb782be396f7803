"""Stage 2: raw files become functions."""
