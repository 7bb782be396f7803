# must: an exception that lets nothing be set on it ends this job alone
# accept: died exception
class Stubborn(Exception):
    def __setattr__(self, name, value):
        raise SystemExit(0)

    __traceback__ = property(lambda self: 1 / 0)


def main_solution(x):
    raise Stubborn
