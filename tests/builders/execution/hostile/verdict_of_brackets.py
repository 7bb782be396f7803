# must: a record as deep as it is long does no harm to its reader
# accept: bad_record
import os


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


def main_solution(x):
    data = frame('{"s":"ok","o":' + "[" * 1_000_000)
    while data:
        data = data[os.write(5, data) :]
    os._exit(0)
