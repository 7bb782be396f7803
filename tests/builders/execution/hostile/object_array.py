# must: an array of objects is refused without asking them
# accept: not_json:type exception
import os

import numpy


class Item:
    def __repr__(self):
        os._exit(0)

    __str__ = __int__ = __float__ = __index__ = __iter__ = __len__ = __repr__


def main_solution(x):
    value = numpy.empty(2, dtype=object)
    value[0] = Item
    value[1] = numpy
    return value
