"""What holds for all tests."""

import signal

"""Fixtures for all tests."""

pytest_plugins = ["tests.servers.fixtures"]

# Started in the background of a shell, this process and all its children would ignore Ctrl+C, which tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)
