"""`python -m builders`, the same as `codeio`."""

from builders.cli import main

main()
