# must: keys whose equality and hash act are not asked
# accept: not_json:key
import os


class Key(str):
    armed = False

    def __hash__(self):
        if Key.armed:
            os._exit(0)
        return 1

    def __eq__(self, other):
        return not Key.armed or os._exit(0)


def main_solution(x):
    value = {Key("a"): 1}
    Key.armed = True
    return value
