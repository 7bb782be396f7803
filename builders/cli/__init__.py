"""The command line of codeio: one module for each command, and what the commands share."""
