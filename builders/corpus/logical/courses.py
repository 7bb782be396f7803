#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In which order can I take the courses?

file format:   course: needed1, needed2
"""
import argparse
import json
import heapq


def read_file(name):
    needs = {}
    with open(name) as f:
        for line in f:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            course, _, rest = line.partition(":")
            needs[course.strip()] = [p.strip() for p in rest.split(",") if p.strip()]
    return needs


def plan(needs, per_term):
    """Greedy: each term take up to per_term open courses, in alphabetical order."""
    todo = {}
    for c in needs:
        todo.setdefault(c, set()).update(needs[c])
        for p in needs[c]:
            todo.setdefault(p, set())
    terms = []
    done = set()
    while len(done) < len(todo):
        ready = sorted(c for c in todo if c not in done and todo[c] <= done)
        if not ready:
            stuck = sorted(set(todo) - done)
            raise ValueError("cycle among " + ", ".join(stuck))
        term = ready[:per_term]
        terms.append(term)
        done.update(term)
    return terms


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("file")
    p.add_argument("--per-term", type=int, default=3)
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    terms = plan(read_file(a.file), a.per_term)
    if a.json:
        print(json.dumps(terms, indent=2))
    else:
        for i, t in enumerate(terms, 1):
            print("term %d: %s" % (i, ", ".join(t)))


if __name__ == "__main__":
    main()
