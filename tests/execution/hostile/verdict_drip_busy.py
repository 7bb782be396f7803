# must: a record that never ends, written as fast as can be
# accept: timeout output_too_large
import os


def main_solution(x):
    os.write(5, (2**20).to_bytes(4, "little"))
    while True:
        os.write(5, b"\0")
