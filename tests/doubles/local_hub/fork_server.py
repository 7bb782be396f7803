"""The program of a fork server: it imports a client's libraries, then forks a process for each client.

In: on a Unix socket (descriptor on the command line), one JSON message for each client, with its environment
variables and folder, and three file descriptors: requests, replies, log. Out: the id of the process. A client
reads one line of JSON for each call, with source, name and arguments, and writes one with the result or
error. It runs in any interpreter that has the client's libraries, so it imports only the standard library.
"""

import __future__

import gc
import importlib
import json
import os
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any

REQUEST_BYTES = 2**20


def call(request: dict[str, Any]) -> dict[str, Any]:
    """Call the function of a request, and return its result or its error."""
    # With empty lines before the source, a traceback has the line numbers of the test's file.
    source = "\n" * (request["line"] - 1) + request["source"]
    namespace: dict[str, Any] = {"__name__": "client"}
    try:
        # Annotations are not evaluated, because the names in them are not defined here.
        exec(compile(source, request["file"], "exec", __future__.annotations.compiler_flag, True), namespace)
        return {"result": namespace[request["name"]](*request["arguments"])}
    except Exception as error:
        return {
            "kinds": [kind.__name__ for kind in type(error).__mro__],
            "status": getattr(getattr(error, "response", None), "status_code", None),
            "message": str(error),
            "traceback": traceback.format_exc(),
        }


def be_client(variables: dict[str, str], folder: str, requests: int, replies: int, log: int) -> None:
    """Turn this process into a client, and answer calls until there are no more."""
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for number, descriptor in enumerate((requests, log, log)):
        os.dup2(descriptor, number)
    with os.fdopen(replies, "w") as out:
        for line in sys.stdin:
            print(json.dumps(call(json.loads(line))), file=out, flush=True)


def main(descriptor: int, modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # so that a client's search for garbage does not copy all that was imported
    with socket.socket(fileno=descriptor) as connection:
        while True:
            message, descriptors, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 3)
            if not message:
                return
            with suppress(ChildProcessError):  # a process id stays in use until the process is reaped
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            pid = os.fork()
            if not pid:
                connection.close()
                request = json.loads(message)
                be_client(request["variables"], request["folder"], *descriptors)
                return
            for inherited in descriptors:
                os.close(inherited)
            connection.send(json.dumps(pid).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
