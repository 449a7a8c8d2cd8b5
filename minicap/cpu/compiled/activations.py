"""The gradients of ReLU and ReLU6 in one pass."""

from .arithmetic import f4, kernel

ZERO, SIX = f4(0), f4(6)


@kernel
def mask(dx, dy, y):
    for i in range(dx.size):
        dx[i] = dy[i] if y[i] > ZERO else ZERO


@kernel
def mask6(dx, dy, y):
    for i in range(dx.size):
        dx[i] = dy[i] if (y[i] > ZERO) & (y[i] < SIX) else ZERO
