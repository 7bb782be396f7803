# must: types whose memory is overwritten crash this process alone
# accept: ok exception refused died timeout memory not_json:type
import ctypes


def main_solution(x):
    for kind in (dict, list, bytes, memoryview, type):
        ctypes.memset(id(kind) + 48, 0x41, 200)
    return {"a": [1]}
