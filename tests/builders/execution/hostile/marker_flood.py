# must: markers of a beginning call, which give a new budget, are not believed without end
# accept: timeout
import os


def main_solution(x):
    while True:
        os.write(5, b"\0\0\0\0")
