# must: an array over memory that is not there ends this process alone
# accept: died exception
import numpy


def main_solution(x):
    return numpy.lib.stride_tricks.as_strided(numpy.zeros(1), (1000,), (2**40,))
