# must: a pickle may run what the code could run anyway: no shell
# accept: ok exception
# output: false
import pickle


def main_solution(x):
    return pickle.loads(b"cos\nsystem\n(S'echo left > {CANARY}/left'\ntR.") == 0
