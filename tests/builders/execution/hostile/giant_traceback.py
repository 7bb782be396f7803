# must: no traceback is kept or written, however long
# accept: exception memory
def main_solution(x):
    error = None
    for number in range(20_000):
        try:
            try:
                raise ValueError("x" * 1_000) from error
            finally:
                number / 0
        except ZeroDivisionError as caught:
            error = caught
            error.add_note("n" * 1_000)
    raise error
