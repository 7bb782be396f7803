# must: a thread that answers after the answer makes it two, or comes too late
# accept: ok too_many_records
import os
import threading


def frame(text):
    return len(text).to_bytes(4, "little") + text.encode()


def main_solution(x):
    def forge():
        while True:
            os.write(5, frame('{"s":"ok","o":"FORGED"}'))

    gate = threading.Event()

    def wait():
        gate.wait()
        forge()

    threading.Thread(target=wait, daemon=True).start()
    gate.set()
    return 7
