"""Hand-checkable scores, from SPEC-SHARED section 4: counts first, then formulas.

Written from the specification alone, before the C++ was read. Run it with

    python3 tools/reference/metrics.py

It checks IoU = D / (2 - D) and prints the constants of tests/metrics/. It never runs at test time.
"""
from fractions import Fraction

# Two 3x4 label maps with classes 0, 1, 2; 255 is the ignore label of the second example.
PREDICTION = [[0, 1, 1, 2], [0, 1, 2, 2], [0, 0, 1, 0]]
TRUTH = [[0, 1, 2, 2], [1, 1, 2, 0], [0, 0, 1, 2]]
IGNORED = [[0, 1, 255, 2], [1, 1, 2, 255], [255, 0, 1, 2]]


def count(prediction, truth, k):
    """(tp, fp, fn, tn) of class k; pixels whose truth is 255 do not count."""
    tp = fp = fn = tn = 0
    for row, true_row in zip(prediction, truth):
        for p, t in zip(row, true_row):
            if t == 255:
                continue
            tp += p == k and t == k
            fp += p == k and t != k
            fn += p != k and t == k
            tn += p != k and t != k
    return tp, fp, fn, tn


def ratio(above, below):
    return None if below == 0 else Fraction(above, below)


def scores(tp, fp, fn, tn):
    return {
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "iou": ratio(tp, tp + fp + fn),
        "sensitivity": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "precision": ratio(tp, tp + fp),
        "accuracy": ratio(tp + tn, tp + fp + fn + tn),
    }


def f_beta(tp, fp, fn, beta):
    b = Fraction(beta) ** 2
    return ratio((1 + b) * tp, (1 + b) * tp + b * fn + fp)


def soft_dice(p, t):
    """2 sum(p t) / (sum p + sum t): probabilities, not labels."""
    return 2 * sum(a * b for a, b in zip(p, t)) / (sum(p) + sum(t))


def show(name, counts):
    print(name, "tp,fp,fn,tn =", counts)
    for key, value in scores(*counts).items():
        print(f"   {key:12} {'undefined' if value is None else f'{value} = {float(value):.12f}'}")
    found = scores(*counts)
    if found["dice"] is not None:
        assert found["iou"] == found["dice"] / (2 - found["dice"])


def main():
    for k in (1, 2):
        show(f"class {k}:", count(PREDICTION, TRUTH, k))
        show(f"class {k} with 255:", count(PREDICTION, IGNORED, k))
    show("printed by hand:", (6, 2, 4, 88))
    show("nothing there, nothing found:", (0, 0, 0, 100))
    show("nothing there, something found:", (0, 5, 0, 95))
    show("missed altogether:", (0, 0, 5, 95))
    show("all of it:", (10, 0, 0, 0))
    print("F2 of (6,2,4):", f_beta(6, 2, 4, 2), " F0.5:", f_beta(6, 2, 4, Fraction(1, 2)))
    print("soft dice of p=[.9,.8,.3,.1], t=[1,1,0,1]:", soft_dice([.9, .8, .3, .1], [1, 1, 0, 1]))


if __name__ == "__main__":
    main()
