# must: what is no Exception is one all the same
# accept: exception
class Final(BaseException):
    def __init_subclass__(cls):
        raise GeneratorExit

    def __reduce__(self):
        raise KeyboardInterrupt


def main_solution(x):
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise Final from GeneratorExit()
