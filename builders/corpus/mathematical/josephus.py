# SPDX-License-Identifier: Apache-2.0
# Josephus problem (python2!)
n = int(raw_input('how many people: '))
k = int(raw_input('every which one: '))

people = range(1, n + 1)
order = []
pos = 0
while len(people) > 1:
    pos = (pos + k - 1) % len(people)
    order.append(people.pop(pos))

print 'out:', ' '.join([str(p) for p in order])
print 'last one standing is number', people[0]

# recursive formula says the same:
# J(1) = 0, J(n) = (J(n-1) + k) % n
j = 0
for i in xrange(2, n + 1):
    j = (j + k) % i
assert j + 1 == people[0]
