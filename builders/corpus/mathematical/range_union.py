# SPDX-License-Identifier: Apache-2.0
# Union of integer ranges on the number line.
# ranges are (lo, hi)


def union_ranges(ranges):
    ranges = sorted(ranges)
    union = []
    for lo, hi in ranges:
        if union and lo <= union[-1][1]:
            if hi > union[-1][1]:
                union[-1][1] = hi
        else:
            union.append([lo, hi])
    return union


def find_holes(union, left, right):
    holes = []
    cur = left
    for lo, hi in union:
        if lo > cur:
            holes.append([cur, min(lo, right)])
        cur = max(cur, hi)
        if cur >= right:
            break
    if cur < right:
        holes.append([cur, right])
    return holes


if __name__ == "__main__":
    data = []
    with open("ranges.txt") as fh:
        for line in fh:
            p = line.split()
            data.append((int(p[0]), int(p[1])))
    covered = union_ranges(data)
    print("covered:")
    for lo, hi in covered:
        print("  ", lo, "..", hi)
    print("holes:")
    for lo, hi in find_holes(covered, 0, 100):
        print("  ", lo, "..", hi)
    print("total length", sum(hi - lo for lo, hi in covered))
