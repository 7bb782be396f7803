# must: half a record is no answer
# accept: died
import os


def main_solution(x):
    os.write(5, b"\x64\0\0\0" + b'{"s":"ok"')
    os._exit(0)
