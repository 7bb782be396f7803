# must: a pattern that backtracks for ever, in C and without a look at signals
# accept: timeout
import re


def main_solution(x):
    return bool(re.match(r"(a|a?)*(a|aa)*b", "a" * 64))
