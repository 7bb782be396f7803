"""What a client's process runs: one function, whose source came in a file.

In: the paths of two files; the first holds source, name and arguments as JSON. Out: the second, with the
result or the error as JSON. Run by whatever interpreter has the client, so it imports nothing but the
standard library.
"""

import __future__

import json
import sys
import traceback
from pathlib import Path
from typing import Any


def outcome(request: dict[str, Any]) -> dict[str, Any]:
    # Empty lines before the source give its lines the numbers they have in the test's file.
    source = "\n" * (request["line"] - 1) + request["source"]
    names: dict[str, Any] = {"__name__": "client"}
    try:
        # Annotations stay text: the names in them did not come along.
        code = compile(source, request["file"], "exec", __future__.annotations.compiler_flag, True)
        exec(code, names)
        return {"result": names[request["name"]](*request["arguments"])}
    except Exception as error:
        return {
            "kinds": [kind.__name__ for kind in type(error).__mro__],
            "status": getattr(getattr(error, "response", None), "status_code", None),
            "message": str(error),
            "traceback": traceback.format_exc(),
        }


if __name__ == "__main__":
    said = outcome(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(said))
