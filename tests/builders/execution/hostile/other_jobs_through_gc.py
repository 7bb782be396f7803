# must: no object of the process belongs to another job
# accept: ok
# output: 0
import gc


def main_solution(x):
    gc.unfreeze()
    name = "main_" + "solution"
    own = gc.get_objects()[0:0]
    found = 0
    for thing in gc.get_objects():
        kind = type(thing)
        values = list(thing.values()) if kind is dict else list(thing) if kind in (list, tuple) else own
        for value in values:
            if type(value) in (str, bytes) and len(value) > 40:
                text = value if type(value) is str else value.decode("latin-1")
                found += f"def {name}" in text and "other_jobs" not in text and "gc.unfreeze" not in text
    return found
