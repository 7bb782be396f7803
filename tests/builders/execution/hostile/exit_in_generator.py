# must: leaving from within a generator that refuses to end is no answer
# accept: exception
import sys


def numbers():
    try:
        yield 1
        sys.exit(0)
    finally:
        yield 2


def main_solution(x):
    return (
        list(zip(numbers(), numbers(), strict=True))
        and sum(numbers(), start=next(iter(()), 0))
        and sys.exit(0)
    )
