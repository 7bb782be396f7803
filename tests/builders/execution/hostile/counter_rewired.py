# must: the library's own classes are written by their contents, whatever their methods now do
# accept: ok
# output: [{"a":2},{"b":3}]
import collections


def forged(self, *arguments):
    return iter([("forged", 1)])


def main_solution(x):
    for kind in (collections.Counter,):
        kind.items = kind.__iter__ = kind.keys = kind.__len__ = forged
        kind.__getitem__ = kind.__missing__ = kind.__contains__ = forged
    value = collections.Counter()
    dict.__setitem__(value, "a", 2)
    grows = collections.defaultdict(lambda: 1 / 0, {"b": 3})
    return [value, grows]
