"""Which servers a command asks: those of the user, the embedded engine, or an sglang of codeio's own.

In: what the command line says. Out: the servers, for as long as a block lasts. All must serve the same
weights, since their answers stand for each other.
Not covered: what is asked.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from builders.inference import Server, ServerDown, WrongModel, connect, embedded, sglang
from builders.options import Serving

EMBEDDED_SLOTS = 2  # each works through the shared prefix of the prompts on its own
log = logging.getLogger("codeio.inference")


@contextmanager
def served(choice: Serving, log_file: Path, console: Console) -> Iterator[list[Server]]:
    """The servers of a choice, none for an empty one; raises InferenceError."""
    if choice.embedded:
        with embedded(choice.embedded, n_slots=EMBEDDED_SLOTS) as server:
            yield [server]
    elif choice.sglang:
        with started(choice.sglang, log_file, console, python=choice.sglang_python) as server:
            yield [server]
    else:
        yield _connected(choice.base_url, choice.model)


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
    """An sglang server, with a line that tells how its start goes."""
    line = console.status(f"sglang is starting; log in {log_file}")
    if console.is_terminal:
        line.start()
    else:
        console.print(f"sglang is starting; log in {log_file}", soft_wrap=True, highlight=False)
    try:
        with sglang(
            model, log_file, python=python, host=host, port=port, flags=flags, on_wait=line.update
        ) as server:
            line.stop()
            yield server
    finally:
        line.stop()


def _connected(base_urls: Sequence[str], model: str | None) -> list[Server]:
    """The servers that are there; one that is gone is left out as long as another answers."""
    found: list[Server] = []
    gone: list[ServerDown] = []
    for base_url in dict.fromkeys(base_urls):
        try:
            server = connect(base_url, model)
            if server.base_url not in [other.base_url for other in found]:  # with and without /v1
                found.append(server)
        except ServerDown as error:
            gone.append(error)
    if gone and not found:
        raise gone[0]
    for absent in gone:
        log.warning("Left out: %s", absent)
    for server in found[1:]:
        if server.identity != found[0].identity:
            raise WrongModel(
                f"{found[0].base_url} serves {found[0].identity}, {server.base_url} {server.identity}: "
                "answers of different models do not mix. Give servers of one model, or name it with --model."
            )
    return found
