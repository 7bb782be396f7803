# must: finds no flags that another job left (flags_left_behind came before)
# accept: ok
# output: [0,0,0]
import fcntl
import os


def main_solution(x):
    return [fcntl.fcntl(number, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_APPEND) for number in (0, 1, 2)]
