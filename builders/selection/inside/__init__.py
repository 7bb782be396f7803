"""Looks at functions inside the sandbox: standard library only."""
