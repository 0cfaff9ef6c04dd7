"""Calibration errors, scores and temperatures of made-up logits, in plain NumPy.

Written from Guo et al. (ICML 2017, eq. 2-5 and sec. 4.2) and Brier (1950) alone, before the C++ was
read. Run it with

    /usr/bin/python3 tools/reference/calibration.py

It prints the constants of tests/metrics/calibration_test.cpp. It never runs at test time.
"""
import numpy as np

BINS = 15


class Lcg:
    """The 31-bit generator of the C standard's example: the same numbers in every language."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (1103515245 * self.state + 12345) % 2**31
        return self.state / 2**31


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def drawn(rng, p):
    u, total = rng.next(), 0.0
    for k, share in enumerate(p):
        total += share
        if u < total:
            return k
    return len(p) - 1


def sigmoid_pixels(n):
    """Logits in [-6,6] that are twice too certain."""
    rng, z, y = Lcg(7), [], []
    for _ in range(n):
        logit = 12 * rng.next() - 6
        z.append([0.0, logit])
        y.append(drawn(rng, softmax(np.array([[0.0, logit / 2]]))[0]))
    return np.array(z), np.array(y)


def softmax_pixels(n):
    """Logits of three classes in [-3,3] that are not certain enough: the truth goes by 1.5 z."""
    rng, z, y = Lcg(11), [], []
    for _ in range(n):
        logits = [6 * rng.next() - 3 for _ in range(3)]
        z.append(logits)
        y.append(drawn(rng, softmax(1.5 * np.array([logits]))[0]))
    return np.array(z), np.array(y)


def calibration_errors(p, came_true):
    ece, mce = 0.0, 0.0
    for m in range(BINS):
        upper = p <= 1 if m == BINS - 1 else p < (m + 1) / BINS
        inside = (p >= m / BINS) & upper
        if inside.sum() == 0:
            continue
        gap = abs(p[inside].mean() - came_true[inside].mean())
        ece += inside.mean() * gap
        mce = max(mce, gap)
    return ece, mce


def nll(z, y, temperature):
    return -np.log(softmax(z / temperature)[np.arange(len(y)), y]).mean()


def numbers(z, y, temperature):
    p = softmax(z / temperature)
    lesion = p[:, 1:].sum(axis=1)
    ece, mce = calibration_errors(lesion, y != 0)
    confidence_ece, confidence_mce = calibration_errors(p.max(axis=1), p.argmax(axis=1) == y)
    brier = ((lesion - (y != 0)) ** 2).mean()
    return ece, mce, confidence_ece, confidence_mce, brier, nll(z, y, temperature)


def best_temperature(z, y):
    """Golden-section search over log T."""
    golden = (5**0.5 - 1) / 2
    low, high = np.log(0.05), np.log(20.0)
    for _ in range(200):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if nll(z, y, np.exp(left)) < nll(z, y, np.exp(right)):
            high = right
        else:
            low = left
    return np.exp((low + high) / 2)


def main():
    for name, (z, y) in {"sigmoid": sigmoid_pixels(500), "softmax": softmax_pixels(400)}.items():
        print(name, "foreground", int((y != 0).sum()), "of", len(y))
        for temperature in (1.0, 2.5):
            print("  T", temperature, ", ".join(f"{v:.12f}" for v in numbers(z, y, temperature)))
        print(f"  best T {best_temperature(z, y):.8f}")


if __name__ == "__main__":
    main()
