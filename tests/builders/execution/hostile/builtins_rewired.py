# must: builtins that lie, lie to this job alone
# accept: ok exception refused died
import builtins


def main_solution(x):
    for name in (
        "len",
        "isinstance",
        "issubclass",
        "type",
        "str",
        "sorted",
        "memoryview",
        "min",
        "max",
        "dict",
    ):
        setattr(builtins, name, lambda *arguments: None)
    return {"a": [1]}
