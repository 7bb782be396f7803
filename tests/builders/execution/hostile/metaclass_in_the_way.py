# must: neither the encoder nor the refusal asks the value's class anything
# accept: not_json:type
class Meta(type):
    __name__ = property(lambda cls: 1 / 0)

    def __instancecheck__(cls, other):
        raise SystemExit

    def __eq__(cls, other):
        return True

    __hash__ = type.__hash__


class Value(metaclass=Meta):
    pass


def main_solution(x):
    return [Value()]
