"""The command `codeio`: one module a command, and what they share."""
