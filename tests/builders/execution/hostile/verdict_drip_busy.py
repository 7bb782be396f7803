# must: a record whose last byte never comes is no sign of life, however fast the others are written
# accept: timeout
import os


def main_solution(x):
    length = 2**20
    os.write(5, length.to_bytes(4, "little"))
    for _ in range(length - 1):
        os.write(5, b"\0")
    while True:
        pass
