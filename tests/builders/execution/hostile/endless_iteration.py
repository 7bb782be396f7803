# must: an iterator that iterates itself is a recursion
# accept: exception died
class Mirror:
    def __iter__(self):
        return iter(self)

    def __len__(self):
        return len(self)


def main_solution(x):
    return [*Mirror()]
