"""The program of a nursery: it imports a client's libraries, and forks a client's process for each that asks.

In: on a Unix socket (descriptor on the command line), a line of JSON for each client, with its environment
variables and folder, and three descriptors: its requests, its replies, its log. Out: its process id. A client
reads a line of JSON for each call, with source, name and arguments, and writes one with the result or error.
It runs in any interpreter that has the client's libraries, so it imports only the standard library.
"""

import __future__

import importlib
import json
import os
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any

REQUEST_BYTES = 2**20


def outcome(request: dict[str, Any]) -> dict[str, Any]:
    # Empty lines before the source give its lines their numbers in the test's file.
    source = "\n" * (request["line"] - 1) + request["source"]
    names: dict[str, Any] = {"__name__": "client"}
    try:
        # Annotations stay text: the names in them are not defined here.
        exec(compile(source, request["file"], "exec", __future__.annotations.compiler_flag, True), names)
        return {"result": names[request["name"]](*request["arguments"])}
    except Exception as error:
        return {
            "kinds": [kind.__name__ for kind in type(error).__mro__],
            "status": getattr(getattr(error, "response", None), "status_code", None),
            "message": str(error),
            "traceback": traceback.format_exc(),
        }


def be_client(variables: dict[str, str], folder: str, requests: int, replies: int, log: int) -> None:
    """Answer calls until there are no more."""
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for standard, descriptor in enumerate((requests, log, log)):
        os.dup2(descriptor, standard)
    with os.fdopen(replies, "w") as out:
        for line in sys.stdin:
            print(json.dumps(outcome(json.loads(line))), file=out, flush=True)


def main(descriptor: int, modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    with socket.socket(fileno=descriptor) as connection:
        while True:
            message, descriptors, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 3)
            if not message:
                return
            with suppress(ChildProcessError):  # an id stays taken until its client is reaped here
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            process = os.fork()
            if not process:
                connection.close()
                request = json.loads(message)
                be_client(request["variables"], request["folder"], *descriptors)
                return
            for descriptor in descriptors:
                os.close(descriptor)
            connection.send(json.dumps(process).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
