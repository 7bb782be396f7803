# must: an array of records is refused
# accept: not_json:type exception
import numpy


def main_solution(x):
    return numpy.zeros(2, dtype=[("a", "i4"), ("b", "O"), ("c", "V8")])
