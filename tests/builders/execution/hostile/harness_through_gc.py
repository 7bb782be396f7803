# must: the harness's objects, found and broken, break this job alone
# accept: ok exception refused died
import gc


def main_solution(x):
    gc.unfreeze()
    for thing in gc.get_objects():
        name = type(thing).__name__
        if name in (
            "Worker",
            "Encoder",
            "Seeds",
            "JobFilter",
            "VirtualClock",
            "_ForkServer",
            "Watch",
            "Frames",
        ):
            for key in list(vars(thing)):
                setattr(thing, key, None)
    return {"a": 1}
