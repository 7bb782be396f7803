"""Looks at raw files inside the sandbox: standard library only."""
