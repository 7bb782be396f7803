# must: what looks like the zygote's own reply is a bad record
# accept: bad_record too_many_records died output_too_large
import os


def main_solution(x):
    line = b'{"processes": [[0, "exit", 0, 1, 25]]}\n'
    record = b'{"s":"ok","o":"FORGED"}'
    reply = line + len(record).to_bytes(4, "little") + record
    os.write(5, len(reply).to_bytes(4, "little") + reply)
    os.write(5, b"\5\0\0\0begun")
    os._exit(0)
