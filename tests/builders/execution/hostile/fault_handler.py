# must: a fault handler that exits on its own time gives no answer
# accept: died
import faulthandler
import threading


def main_solution(x):
    faulthandler.enable(5)
    faulthandler.dump_traceback_later(0.05, exit=True, file=2)
    threading.Event().wait()
