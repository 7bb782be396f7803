#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
vigenere_tool.py - encrypt / decrypt a text file

usage:
    python vigenere_tool.py -k LEMON letter.txt
    python vigenere_tool.py -k LEMON -d letter.enc
"""
import argparse
import logging
import sys
from collections import Counter

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("vig")

ALPHA = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def shift_char(ch, k):
    if ch.upper() not in ALPHA:
        return ch
    moved = ALPHA[(ALPHA.index(ch.upper()) + k) % 26]
    return moved if ch.isupper() else moved.lower()


def vigenere(text, key, decrypt=False):
    shifts = [ALPHA.index(c) for c in key.upper() if c in ALPHA]
    if not shifts:
        raise ValueError("key needs at least one letter")
    res = []
    pos = 0
    for ch in text:
        k = shifts[pos % len(shifts)]
        if decrypt:
            k = -k
        res.append(shift_char(ch, k))
        if ch.upper() in ALPHA:
            pos += 1    # the key only moves on for letters
    return "".join(res)


def letter_stats(text):
    cnt = Counter(c for c in text.upper() if c in ALPHA)
    total = sum(cnt.values()) or 1
    return [(c, round(100.0 * n / total, 1)) for c, n in sorted(cnt.items(), key=lambda t: (-t[1], t[0]))]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("file")
    ap.add_argument("-k", "--key", required=True)
    ap.add_argument("-d", "--decrypt", action="store_true")
    ap.add_argument("-s", "--stats", action="store_true")
    args = ap.parse_args()

    with open(args.file, encoding="utf-8") as fh:
        text = fh.read()
    log.info("read %d chars", len(text))
    out = vigenere(text, args.key, args.decrypt)
    sys.stdout.write(out)
    if args.stats:
        for c, pct in letter_stats(out)[:5]:
            log.info("%s  %5.1f %%", c, pct)


if __name__ == "__main__":
    main()
