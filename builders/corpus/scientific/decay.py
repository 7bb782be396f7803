# SPDX-License-Identifier: Apache-2.0
import numpy as np
import matplotlib.pyplot as plt

# A -> B -> C decay chain, half lives in hours
T_A = 2.0
T_B = 5.0
N0 = 1000.0

la = np.log(2) / T_A
lb = np.log(2) / T_B
t = np.linspace(0, 24, 49)

A = N0 * np.exp(-la * t)
B = N0 * la / (lb - la) * (np.exp(-la * t) - np.exp(-lb * t))
C = N0 - A - B

i = np.argmax(B)
print('max of B: %.1f after %.1f h' % (B[i], t[i]))
print('C passes half at', t[np.where(C >= N0 / 2)[0][0]], 'h')

plt.plot(t, A, t, B, t, C)
plt.legend(['A', 'B', 'C'])
plt.xlabel('hours')
plt.show()
