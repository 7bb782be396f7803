# must: so do callbacks of the interpreter's monitoring
# accept: ok exception refused died
import sys


def stop(*arguments):
    raise SystemExit("in the harness")


def main_solution(x):
    if sys.version_info >= (3, 12):
        watch = sys.monitoring
        watch.use_tool_id(0, "left")
        for event in (watch.events.PY_START, watch.events.PY_RETURN, watch.events.CALL, watch.events.LINE):
            watch.register_callback(0, event, stop)
        watch.set_events(0, watch.events.PY_START | watch.events.PY_RETURN | watch.events.LINE)
    return 1
