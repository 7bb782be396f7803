# must: no way up from an open folder
# accept: exception
import os


def main_solution(x):
    root = os.open("/", os.O_RDONLY)
    above = os.open("../../../..", os.O_RDONLY, dir_fd=root)
    return os.read(os.open("etc/passwd", os.O_RDONLY, dir_fd=above), 100).decode()
