# must: an argument made into something that is no JSON counts as changed
# accept: ok
# mutated
# input: {"x":[1]}
def main_solution(x):
    x[0] = x
    return len(x)
