# -*- coding: utf-8 -*-
# SPDX-License-Identifier: Apache-2.0
# small DNA toolbox  (python 2.7)
import sys
import os, random

# only the codons that we had in the exercise, rest is 'X'
codons = {
    'ATG': 'M', 'TTT': 'F', 'TTC': 'F', 'GGA': 'G', 'GGC': 'G', 'GCT': 'A',
    'GCA': 'A', 'AAA': 'K', 'AAG': 'K', 'GAT': 'D', 'TGG': 'W', 'CTG': 'L',
    'TAA': '*', 'TAG': '*', 'TGA': '*',
}

def reverse_complement(seq):
    comp = {'A': 'T', 'T': 'A', 'C': 'G', 'G': 'C'}
    res = ''
    for i in xrange(len(seq) - 1, -1, -1):
        res += comp[seq[i]]
    return res

def gc_content(seq):
    return 100.0 * (seq.count('G') + seq.count('C')) / len(seq)

def translate(seq):
    start = seq.find('ATG')
    if start == -1:
        return ''
    protein = ''
    for i in xrange(start, len(seq) - 2, 3):
        aa = codons.get(seq[i:i+3], 'X')
        if aa == '*':
            break
        protein += aa
    return protein

def count_kmers(seq, k):
    d = {}
    for i in xrange(len(seq) - k + 1):
        w = seq[i:i+k]
        if not d.has_key(w):
            d[w] = 0
        d[w] += 1
    return d

if len(sys.argv) < 2:
    print 'usage: dna_tools.py file.txt'
    sys.exit(1)

seq = open(sys.argv[1]).read().strip().upper()
print 'length ', len(seq)
print 'GC     %.1f%%' % gc_content(seq)
print 'rev    ', reverse_complement(seq)
print 'protein', translate(seq)
for w, n in sorted(count_kmers(seq, 3).iteritems(), key=lambda t: (-t[1], t[0])):
    if n > 1:
        print w, n
