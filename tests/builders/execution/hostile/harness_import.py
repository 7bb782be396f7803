# must: nothing of the project can be imported
# accept: exception
def main_solution(x):
    import builders

    return builders.__path__
