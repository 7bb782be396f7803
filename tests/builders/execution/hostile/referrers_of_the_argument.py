# must: an argument changed through those who hold it is this job's own
# accept: ok refused died exception
# input: {"x":[1,2,3]}
import gc


def main_solution(x):
    for thing in gc.get_referrers(x):
        if type(thing) is dict:
            thing.clear()
        elif type(thing) is list:
            del thing[:]
    return x
