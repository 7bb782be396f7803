# SPDX-License-Identifier: Apache-2.0
# Merge overlapping bookings of the meeting room.
# bookings are (start, end) in minutes since midnight

import csv


def to_minutes(s):
    h, m = s.split(":")
    return int(h) * 60 + int(m)


def to_clock(n):
    return "%02d:%02d" % (n // 60, n % 60)


def merge_bookings(bookings):
    bookings = sorted(bookings)
    merged = []
    for start, end in bookings:
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1][1] = end
        else:
            merged.append([start, end])
    return merged


def find_gaps(merged, low, high):
    gaps = []
    pos = low
    for start, end in merged:
        if start > pos:
            gaps.append([pos, min(start, high)])
        pos = max(pos, end)
        if pos >= high:
            break
    if pos < high:
        gaps.append([pos, high])
    return gaps


if __name__ == "__main__":
    rows = []
    with open("bookings.csv") as f:
        for rec in csv.reader(f):
            rows.append((to_minutes(rec[0]), to_minutes(rec[1])))
    busy = merge_bookings(rows)
    print("busy:")
    for a, b in busy:
        print("  ", to_clock(a), "-", to_clock(b))
    print("free:")
    for a, b in find_gaps(busy, 8 * 60, 18 * 60):
        print("  ", to_clock(a), "-", to_clock(b))
    print("total busy minutes", sum(b - a for a, b in busy))
