# must: values that act when copied or pickled are looked at by type alone
# accept: not_json:type
import copyreg
import os


class Bomb:
    def __reduce__(self):
        return os._exit, (0,)

    __reduce_ex__ = __copy__ = __deepcopy__ = __getstate__ = __reduce__


copyreg.pickle(Bomb, lambda value: (os._exit, (0,)))


def main_solution(x):
    return {"a": Bomb()}
