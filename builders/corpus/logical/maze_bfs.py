# SPDX-License-Identifier: Apache-2.0
from collections import deque

# read a maze from a file:
#   #########
#   #S..#..E#
#   #.#...#.#
#   #########
f = open('maze.txt')
maze = [list(l.rstrip('\n')) for l in f]
f.close()

start = None
end = None
for r, row in enumerate(maze):
    for c, ch in enumerate(row):
        if ch == 'S':
            start = (r, c)
        if ch == 'E':
            end = (r, c)

if start is None or end is None:
    print("no S or no E in the maze!!")
    exit(1)


def neighbours(p):
    r, c = p
    for dr, dc, name in ((-1, 0, 'U'), (1, 0, 'D'), (0, -1, 'L'), (0, 1, 'R')):
        rr, cc = r + dr, c + dc
        if 0 <= rr < len(maze) and 0 <= cc < len(maze[rr]) and maze[rr][cc] != '#':
            yield (rr, cc), name


def bfs(start, end):
    q = deque([start])
    came = {start: None}
    while q:
        cur = q.popleft()
        if cur == end:
            break
        for nxt, name in neighbours(cur):
            if nxt not in came:
                came[nxt] = (cur, name)
                q.append(nxt)
    if end not in came:
        return None
    path = ''
    cur = end
    while came[cur] is not None:
        cur, name = came[cur]
        path = name + path
    return path


path = bfs(start, end)
if path is None:
    print("no way out")
else:
    print(len(path), "steps:", path)
    # draw it
    r, c = start
    for step in path[:-1]:
        r += {'U': -1, 'D': 1}.get(step, 0)
        c += {'L': -1, 'R': 1}.get(step, 0)
        maze[r][c] = '*'
    for row in maze:
        print(''.join(row))
