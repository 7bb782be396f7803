# must: a subclass of a number is refused whatever its methods say
# accept: not_json:type
class Number(float):
    def __repr__(self):
        return '0,"m":true}{"s":"ok"'

    __str__ = __format__ = __repr__

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


def main_solution(x):
    return {"a": [Number(1)]}
