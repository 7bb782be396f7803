# must: a long string is bounded too
# accept: output_too_large
def main_solution(x):
    return "x" * 3_000_000
