# must: half a surrogate pair in the name of an error is refused
# accept: bad_record
import os


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


def main_solution(x):
    os.write(5, frame('{"s":"error","t":"\\ud800","e":"\\udfff"}'))
    os._exit(0)
