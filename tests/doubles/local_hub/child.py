"""The program of a client's process: it runs functions that it receives as source, one after another.

In: a line of JSON for each on standard input, with source, name and arguments. Out: a line of JSON for each
on the descriptor that the command line names, with the result or the error. It runs in any interpreter that
has the client's libraries, so it imports only the standard library.
"""

import __future__

import json
import os
import sys
import traceback
from typing import Any


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


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "w") as replies:
        for line in sys.stdin:
            print(json.dumps(outcome(json.loads(line))), file=replies, flush=True)
