# must: the exit code that asks for a fresh process does not make the zygote try without end
# accept: memory died
import os


def main_solution(x):
    os._exit(96)
