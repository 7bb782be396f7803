# must: groups of exceptions, nested deeper than the stack
# accept: exception died
def main_solution(x):
    group = ValueError("innermost")
    for _ in range(50_000):
        group = BaseExceptionGroup("deeper", [group])
    raise group
