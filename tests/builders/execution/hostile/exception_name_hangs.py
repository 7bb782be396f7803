# must: so does one whose class does not tell its name
# accept: timeout
class Meta(type):
    @property
    def __name__(cls):
        while True:
            pass


class Endless(Exception, metaclass=Meta):
    pass


def main_solution(x):
    raise Endless
