# SPDX-License-Identifier: Apache-2.0
import math
import matplotlib.pyplot as plt
import time

# throw a ball with air drag, simple Euler steps
g = 9.81
dt = 0.01
k = 0.02      # drag / mass,  try 0 for no air

v0 = float(input("speed (m/s): "))
angle = float(input("angle (deg): "))

vx = v0 * math.cos(math.radians(angle))
vy = v0 * math.sin(math.radians(angle))
x, y, t = 0.0, 0.0, 0.0
xs = [x]
ys = [y]
top = 0

while True:
    v = math.sqrt(vx ** 2 + vy ** 2)
    ax = -k * v * vx
    ay = -g - k * v * vy
    vx = vx + ax * dt
    vy = vy + ay * dt
    x = x + vx * dt
    y = y + vy * dt
    t = t + dt
    if y < 0:
        break
    if y > top:
        top = y
    xs.append(x)
    ys.append(y)
    # print(t, x, y)

print("flight time: %.2f s" % t)
print("range:       %.2f m" % x)
print("max height:  %.2f m" % top)

plt.plot(xs, ys, "r-")
plt.xlabel("x [m]")
plt.ylabel("y [m]")
plt.title("v0=%.1f angle=%.0f" % (v0, angle))
plt.grid(True)
plt.savefig("throw.png")
plt.show()
