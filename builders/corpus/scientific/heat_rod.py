# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# Heat in a metal rod, explicit finite differences.
# Both ends are held at a fixed temperature.

# %%
import numpy as np
import matplotlib.pyplot as plt
from matplotlib import animation   # for later

# %% parameters
L = 1.0          # length (m)
nx = 11          # grid points
alpha = 1e-4     # diffusivity
dx = L / (nx - 1)
dt = 20.0
steps = 200
left, right = 100.0, 20.0

# %%
r = alpha * dt / dx ** 2
print("r =", r)
if r > 0.5:
    raise SystemExit("not stable, make dt smaller!")

# %% time loop
u = np.full(nx, 20.0)
u[0] = left
u[-1] = right
history = [u.copy()]
half_time = None
for n in range(steps):
    new = u.copy()
    new[1:-1] = u[1:-1] + r * (u[2:] - 2 * u[1:-1] + u[:-2])
    u = new
    history.append(u.copy())
    # when does the middle get warmer than 40 degrees?
    if half_time is None and u[nx // 2] > 40:
        half_time = (n + 1) * dt

# %%
print("final profile:", np.round(u, 2))
print("middle > 40 C after", half_time, "s")

# %%
for k in range(0, steps + 1, 50):
    plt.plot(history[k], label="%d s" % (k * dt))
plt.legend()
plt.savefig("rod.png")
