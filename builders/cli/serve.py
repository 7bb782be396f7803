"""`codeio serve`: run a local sglang server until Ctrl+C.

Tested in tests/builders/inference/servers/test_sglang.py.
"""

import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from builders.cli.console import SglangPython, error_console


def serve(
    model: Annotated[str, typer.Argument(help="A folder in the Hugging Face format, or a Hub id.")],
    flags: Annotated[
        list[str] | None, typer.Argument(help="sglang's own flags, after `--`, such as: -- --tp-size 2")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 30000,
    log_file: Annotated[Path, typer.Option("--log", help="File for sglang's output.")] = Path("sglang.log"),
    sglang_python: SglangPython = None,
) -> None:
    """Start a local sglang server and keep it running until Ctrl+C."""
    from builders.cli.servers import started

    console = error_console()
    with started(
        model, log_file, console, python=sglang_python, host=host, port=port, flags=flags or ()
    ) as server:
        console.print(f"{server.identity} is served at {server.base_url}; Ctrl+C stops it.", soft_wrap=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            while True:
                signal.pause()
    console.print("Stopped.")
