# must: small records without end are stopped at the second
# accept: too_many_records
import os


def main_solution(x):
    while True:
        os.write(5, b"\1\0\0\x000" * 1000)
