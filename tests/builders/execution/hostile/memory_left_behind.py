# must: leaves its code and its answer in the memory that it is given
# accept: ok
def main_solution(x):
    return "the answer that stands in no other job " * 20
