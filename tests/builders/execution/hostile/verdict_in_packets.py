# must: a record in packets of one byte is read as it is: a lie about itself alone
# accept: ok
# output: "mine"
import fcntl
import os


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


def main_solution(x):
    fcntl.fcntl(5, fcntl.F_SETFL, os.O_DIRECT)
    for byte in frame('{"s":"ok","o":"mine"}'):
        os.write(5, bytes([byte]))
    os._exit(0)
