# must: an exception that never says what it is runs into the limit
# accept: timeout
class Endless(Exception):
    def __str__(self):
        while True:
            pass


def main_solution(x):
    raise Endless
