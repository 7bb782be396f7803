# must: a record that never ends is no sign of life
# accept: timeout
import os
import select


def main_solution(x):
    os.write(5, (500_000).to_bytes(4, "little"))
    while True:
        os.write(5, b"x")
        select.select([], [], [], 0.001)
