# must: more digits than Python reads back are refused, whatever its limit is set to
# accept: not_json:digits
import sys


def main_solution(x):
    sys.set_int_max_str_digits(0)
    return 10**5000
