# must: a name that raises where nobody expects it ends this job alone
# accept: died exception
class Name(str):
    def __str__(self):
        raise SystemExit(0)

    __getitem__ = __format__ = encode = __str__


class Meta(type):
    __name__ = property(lambda cls: Name("name"))


class Raising(Exception, metaclass=Meta):
    pass


def main_solution(x):
    raise Raising
