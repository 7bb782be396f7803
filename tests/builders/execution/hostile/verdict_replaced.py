# must: what goes to another pipe is no answer
# accept: died
import os


def main_solution(x):
    os.dup2(os.pipe()[1], 5)
    return 1
