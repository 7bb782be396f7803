# SPDX-License-Identifier: Apache-2.0
import re, os, sys   # re not needed any more

# my own glob matcher because the teacher said "no fnmatch"
#   ?      exactly one char
#   *      any run of chars (also empty)
#   [abc]  one char of the set,  [!abc] one char NOT of the set


def match(pat, s):
    if pat == "":
        return s == ""
    p = pat[0]
    if p == "*":
        # eat nothing, or eat one char and try again
        return match(pat[1:], s) or (s != "" and match(pat, s[1:]))
    if s == "":
        return False
    if p == "[" and "]" in pat:
        end = pat.index("]")
        group = pat[1:end]
        if group[:1] == "!":
            ok = s[0] not in group[1:]
        else:
            ok = s[0] in group
        return ok and match(pat[end + 1:], s[1:])
    if p == "?" or p == s[0]:
        return match(pat[1:], s[1:])
    return False


# tests
assert match("*.py", "main.py")
assert not match("*.py", "main.pyc")
assert match("data_??.csv", "data_07.csv")
assert match("[ab]*[!0]", "axx1")
assert not match("[ab]*[!0]", "axx0")
print("all fine")

if len(sys.argv) > 1:
    for name in sorted(os.listdir(".")):
        if match(sys.argv[1], name):
            print(name)
