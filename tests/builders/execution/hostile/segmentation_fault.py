# must: a crash is no answer
# accept: died
import ctypes


def main_solution(x):
    return ctypes.string_at(0)
