# must: the texts of an error are cut
# accept: exception
import os


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


def main_solution(x):
    data = frame('{"s":"error","t":"' + "t" * 400_000 + '","e":"' + "e" * 400_000 + '"}')
    while data:
        data = data[os.write(5, data) :]
    os._exit(0)
