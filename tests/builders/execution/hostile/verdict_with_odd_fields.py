# must: a record whose fields have other types is refused
# accept: bad_record
import os


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


def main_solution(x):
    os.write(5, frame('{"s":"ok","o":1,"c":1e400,"m":"yes","t":{},"e":[]}'))
    os._exit(0)
