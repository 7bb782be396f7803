"""The servers of a command: the user's own, the embedded engine, or a local sglang started for it.

In: the options of the command line. Out: the servers, running until the block ends. All of them must serve
the same weights, since their answers are interchangeable.
Not covered: the requests.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from builders.inference import Server, ServerDown, WrongModel, connect, embedded, sglang
from builders.options import ServerOptions

EMBEDDED_SLOTS = 2  # each slot processes the shared prefix of the prompts separately
log = logging.getLogger("codeio.inference")


@contextmanager
def served(serving: ServerOptions, log_file: Path, console: Console) -> Iterator[list[Server]]:
    """Yield the servers that the options choose, if any; raises InferenceError."""
    if serving.embedded:
        with embedded(serving.embedded, n_slots=EMBEDDED_SLOTS) as server:
            yield [server]
    elif serving.sglang:
        with started(serving.sglang, log_file, console, python=serving.sglang_python) as server:
            yield [server]
    else:
        yield _connected(serving.base_url, serving.model)


@contextmanager
def started(
    model: str,
    log_file: Path,
    console: Console,
    *,
    python: Path | None,
    host: str = "127.0.0.1",
    port: int | None = None,
    flags: Sequence[str] = (),
) -> Iterator[Server]:
    """Start and yield an sglang server, with a line that shows the progress of the start."""
    status = console.status(f"sglang is starting; log in {log_file}")
    if console.is_terminal:
        status.start()
    else:
        console.print(f"sglang is starting; log in {log_file}", soft_wrap=True, highlight=False)
    try:
        with sglang(
            model, log_file, python=python, host=host, port=port, flags=flags, on_wait=status.update
        ) as server:
            status.stop()
            yield server
    finally:
        status.stop()


def _connected(base_urls: Sequence[str], model: str | None) -> list[Server]:
    """Return the servers that answer; one that does not is left out if another one does.

    Raises InferenceError, also if the servers serve different models.
    """
    servers: list[Server] = []
    errors: list[ServerDown] = []
    for base_url in dict.fromkeys(base_urls):
        try:
            server = connect(base_url, model)
            if server.base_url not in [other.base_url for other in servers]:  # given with and without /v1
                servers.append(server)
        except ServerDown as error:
            errors.append(error)
    if errors and not servers:
        raise errors[0]
    for server_error in errors:
        log.warning("Server left out: %s", server_error)
    for server in servers[1:]:
        if server.identity != servers[0].identity:
            raise WrongModel(
                f"{servers[0].base_url} serves {servers[0].identity}, {server.base_url} {server.identity}: "
                "answers of different models do not mix. Give servers of one model, or name one with --model."
            )
    return servers
