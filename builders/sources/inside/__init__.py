"""Code that inspects raw files inside the sandbox: standard library only."""
