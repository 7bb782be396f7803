# must: a value that shares its parts is counted by what would be written
# accept: not_json:size not_json:depth output_too_large
def main_solution(x):
    value = ["x" * 50] * 10
    for _ in range(12):
        value = [value] * 10
    return value
