"""`python -m builders`, the same as `codeio`."""

from builders.cli.main import main

main()
