# must: the null device can be written to, and no other file
# accept: ok
# not-in: seccomp-noopen
# output: ["OSError","OSError"]
import contextlib
import os


def main_solution(x):
    with open(os.devnull, "w") as file, contextlib.redirect_stdout(file):
        print("nothing")
    results = []
    for path in ("/tmp/new", "/dev/new"):
        try:
            open(path, "w").close()
        except OSError:
            results.append("OSError")
    return results
