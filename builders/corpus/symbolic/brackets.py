# SPDX-License-Identifier: Apache-2.0
# check if brackets in a line of code are balanced
# says WHERE the first problem is (0-based)

pairs = {')': '(', ']': '[', '}': '{'}

line = input("type something with brackets: ")

stack = []
bad = -1
for i in range(len(line)):
    c = line[i]
    if c in "([{":
        stack.append((c, i))
    elif c in pairs:
        if len(stack) == 0 or stack[-1][0] != pairs[c]:
            bad = i
            break
        stack.pop()

if bad == -1 and len(stack) > 0:
    bad = stack[0][1]   # first one that was never closed

if bad == -1:
    print("OK balanced")
else:
    print(line)
    print(" " * bad + "^")
    print("problem at position", bad)
