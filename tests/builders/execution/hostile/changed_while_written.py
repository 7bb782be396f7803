# must: a value that a thread changes while it is written is refused or is one of its states
# accept: ok not_json:unstable not_json:size timeout
import threading


def main_solution(x):
    value = {str(i): [] for i in range(2000)}

    def change():
        while True:
            value[str(len(value))] = []
            value.pop(next(iter(value)))

    threading.Thread(target=change, daemon=True).start()
    return value
