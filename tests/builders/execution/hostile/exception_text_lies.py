# must: a text that is no text where it is cut is bounded outside
# accept: output_too_large died exception
class Text(str):
    def __getitem__(self, key):
        return self

    def __str__(self):
        return "x" * 3_000_000


class Lying(Exception):
    def __str__(self):
        return Text("short")


def main_solution(x):
    raise Lying
