# must: code that breaks json breaks its own answers only
# accept: ok exception refused died
import json


def main_solution(x):
    json.loads = json.dumps = None
    json.JSONDecoder.decode = None
    return 1
