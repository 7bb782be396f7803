#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
# run length encoding, python 2

import sys
import string

def compress(s):
    out = ''
    i = 0
    while i < len(s):
        j = i
        while j < len(s) and s[j] == s[i]:
            j += 1
        n = j - i
        if n > 1:
            out += str(n)
        out += s[i]
        i = j
    return out

def expand(s):
    out, num = '', ''
    for ch in s:
        if ch.isdigit():
            num += ch
        else:
            out += ch * int(num or '1')
            num = ''
    return out

if __name__ == '__main__':
    text = raw_input('text (no digits!): ')
    c = compress(text)
    print 'packed:', c
    print 'ratio : %.2f' % (float(len(c)) / len(text))
    print 'ok' if expand(c) == text else 'BUG!!'
