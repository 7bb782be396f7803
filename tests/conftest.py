"""Fixtures for all tests, and what holds for all of them."""

import signal

pytest_plugins = ["tests.local_hub.fixtures", "tests.servers.fixtures"]

# Started in the background of a shell, this process and its children would ignore Ctrl+C, which tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)
