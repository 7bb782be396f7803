# SPDX-License-Identifier: Apache-2.0
import numpy as np
import matplotlib.pyplot as plt
import matplotlib.animation as animation

# Conway's life on a torus

def step(grid):
    total = np.zeros(grid.shape, dtype=int)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if dx == 0 and dy == 0:
                continue
            total += np.roll(np.roll(grid, dy, axis=0), dx, axis=1)
    born = (grid == 0) & (total == 3)
    stay = (grid == 1) & ((total == 2) | (total == 3))
    return (born | stay).astype(int)

glider = ["..#..",
          "#.#..",
          ".##..",
          ".....",
          "....."]

grid = np.zeros((20, 20), dtype=int)
for r, line in enumerate(glider):
    for c, ch in enumerate(line):
        if ch == "#":
            grid[r, c] = 1

fig = plt.figure()
im = plt.imshow(grid, cmap="binary")

def update(frame):
    global grid
    grid = step(grid)
    im.set_array(grid)
    print("gen", frame, "alive", grid.sum())
    return [im]

ani = animation.FuncAnimation(fig, update, frames=100, interval=80)
plt.show()
# ani.save("life.gif")
