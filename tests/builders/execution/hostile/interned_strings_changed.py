# must: so are strings that all code shares
# accept: ok exception refused died timeout memory not_json:type
import ctypes
import sys


def main_solution(x):
    for text in ("ok", "s", "main_solution", "__name__", "utf-8"):
        ctypes.memset(id(sys.intern(text)) + sys.getsizeof("") - 1, ord("x"), len(text))
    return "ok"
