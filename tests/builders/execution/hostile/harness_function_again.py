# must: the harness's own functions, called again, do no more than the code could
# accept: exception died
import gc
import types


def main_solution(x):
    gc.unfreeze()
    done = []
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType and thing.__module__ == "builders.execution.inside.zygote":
            if thing.__name__ == "_send":
                try:
                    thing(b"forged")
                    done.append("sent")
                except OSError:
                    pass
            if thing.__name__ == "_read":
                try:
                    thing(4)
                    done.append("read")
                except OSError:
                    pass
    if done:
        return done
    raise ValueError("nothing reached")
