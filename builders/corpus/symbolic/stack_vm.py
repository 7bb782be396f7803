# SPDX-License-Identifier: Apache-2.0
# A very small stack machine. I wrote it to understand how the python bytecode works.
#
# program text, one instruction a line:
#
#   PUSH 5        put a number on the stack
#   ADD SUB MUL   take two, put one
#   DUP SWAP POP
#   STORE x / LOAD x     variables
#   label:        a place to jump to
#   JMP label / JZ label (jump if top of stack is 0, takes it)
#   PRINT         take the top and print it
#   # comment

import sys


class VMError(Exception):
    pass


class Machine:
    MAX_STEPS = 10000

    def __init__(self):
        self.stack = []
        self.vars = {}
        self.output = []
        self.steps = 0

    def pop(self):
        if not self.stack:
            raise VMError("stack is empty")
        return self.stack.pop()

    def load(self, source):
        self.code = []
        self.labels = {}
        for raw in source.split("\n"):
            line = raw.split("#")[0].strip()
            if line == "":
                continue
            if line.endswith(":"):
                self.labels[line[:-1]] = len(self.code)
            else:
                parts = line.split()
                op = parts[0].upper()
                arg = parts[1] if len(parts) > 1 else None
                self.code.append((op, arg))

    def jump(self, label):
        if label not in self.labels:
            raise VMError("no such label: %s" % label)
        return self.labels[label]

    def run(self):
        pc = 0
        while pc < len(self.code):
            self.steps += 1
            if self.steps > self.MAX_STEPS:
                raise VMError("too many steps")
            op, arg = self.code[pc]
            pc += 1
            if op == "PUSH":
                self.stack.append(int(arg))
            elif op in ("ADD", "SUB", "MUL"):
                b = self.pop()
                a = self.pop()
                if op == "ADD":
                    self.stack.append(a + b)
                elif op == "SUB":
                    self.stack.append(a - b)
                else:
                    self.stack.append(a * b)
            elif op == "DUP":
                a = self.pop()
                self.stack += [a, a]
            elif op == "SWAP":
                b = self.pop()
                a = self.pop()
                self.stack += [b, a]
            elif op == "POP":
                self.pop()
            elif op == "STORE":
                self.vars[arg] = self.pop()
            elif op == "LOAD":
                self.stack.append(self.vars.get(arg, 0))
            elif op == "JMP":
                pc = self.jump(arg)
            elif op == "JZ":
                if self.pop() == 0:
                    pc = self.jump(arg)
            elif op == "PRINT":
                self.output.append(self.pop())
            else:
                raise VMError("unknown instruction " + op)
        return self.output


FACTORIAL = """
    PUSH 6
    STORE n
    PUSH 1
    STORE acc
again:
    LOAD n
    JZ done
    LOAD n
    LOAD acc
    MUL
    STORE acc
    LOAD n
    PUSH 1
    SUB
    STORE n
    JMP again
done:
    LOAD acc
    PRINT
"""

if __name__ == "__main__":
    if len(sys.argv) == 2:
        src = open(sys.argv[1]).read()
    else:
        src = FACTORIAL
    m = Machine()
    m.load(src)
    try:
        for value in m.run():
            print(value)
    except VMError as e:
        print("VM stopped:", e)
    print("steps:", m.steps, "vars:", m.vars)
