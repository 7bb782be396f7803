# must: an exception that denies its class is reported by its type
# accept: exception
class Lying(Exception):
    __class__ = property(lambda self: MemoryError)

    def __repr__(self):
        raise KeyboardInterrupt


def main_solution(x):
    raise Lying("text")
