# must: a copy of the results descriptor lets nobody answer twice
# accept: too_many_records
import os


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


def main_solution(x):
    copy = os.dup2(5, 60)
    os.write(copy, frame('{"s":"ok","o":1}'))
    os.write(5, frame('{"s":"ok","o":2}'))
    return 3
