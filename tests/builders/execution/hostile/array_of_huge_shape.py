# must: an array that claims more than there is is bounded by its size
# accept: not_json:size exception
import numpy


def main_solution(x):
    return numpy.broadcast_to(numpy.int8(1), (10**6, 10**6))
