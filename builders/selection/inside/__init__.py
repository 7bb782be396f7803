"""Code that inspects functions inside the sandbox: standard library only."""
