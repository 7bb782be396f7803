# must: hooks of the import system do not outlive the job
# accept: ok exception refused died
import builtins
import sys


class Finder:
    def find_spec(self, *arguments):
        raise SystemExit("found")

    invalidate_caches = find_spec


def main_solution(x):
    sys.meta_path[:] = [Finder()]
    sys.path_hooks[:] = [Finder]
    sys.path_importer_cache.clear()
    sys.modules.clear()
    builtins.__import__ = None
    return 1
