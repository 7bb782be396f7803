# must: a value that denies its class is reported by its type
# accept: not_json:type
class Value:
    __class__ = int

    def __index__(self):
        return 7

    __int__ = __len__ = __hash__ = __index__


def main_solution(x):
    return [Value()]
