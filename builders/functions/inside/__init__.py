"""Reading code by its syntax tree. Runs inside the sandbox: standard library only."""
