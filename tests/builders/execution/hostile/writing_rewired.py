# must: os, struct and json that do something else do it in this process alone
# accept: ok exception refused died
import json
import os
import struct


def main_solution(x):
    os.write = lambda descriptor, data: len(data)
    json.dumps = json.loads = lambda *arguments, **named: "forged"
    json.encoder.encode_basestring = lambda text: '"forged"'
    struct.Struct = struct.pack = None
    return ["a"]
