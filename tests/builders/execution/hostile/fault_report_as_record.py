# must: a fault report in the results is no record
# accept: died bad_record output_too_large
import faulthandler


def main_solution(x):
    faulthandler.enable(5)
    faulthandler._sigsegv()
