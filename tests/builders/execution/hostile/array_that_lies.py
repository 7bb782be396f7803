# must: a subclass of an array is refused whatever its methods say
# accept: not_json:type exception
import os

import numpy


class Array(numpy.ndarray):
    dtype = numpy.dtype("i4")

    def tolist(self):
        os._exit(0)


def main_solution(x):
    return numpy.zeros(2).view(Array)
