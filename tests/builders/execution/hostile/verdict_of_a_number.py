# must: a record that is no object is refused
# accept: bad_record
import os


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


def main_solution(x):
    os.write(5, frame("1" * 4_000))
    os._exit(0)
