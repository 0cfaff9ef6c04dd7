"""Loss values and gradients in plain Python, from the formulas of SPEC-SHARED section 3.

Written from section 3 of SPEC-SHARED, SPEC-001, SPEC-002 and SPEC-004 and section 5 of SPEC-000
alone, before the C++ was read or written. Run with

    python3 tools/reference/losses.py

It asserts the goldens that the specification prints for p = [.9, .8, .3, .1], g = [1, 1, 0, 1], and
prints the constants of tests/losses/. Class 0 of a softmax is background and is left out, except
where "all classes" says that the ratios of every class, the background being one, are added up and
averaged over the images. Two reductions: `batch` sums over images and pixels, per class; `per_image` sums over the pixels of one
image and one class. What is left (classes, or images and classes) is averaged. Gradients are
central differences, good to about 1e-9. It never runs at test time.
"""
import math

P, G = [0.9, 0.8, 0.3, 0.1], [1, 1, 0, 1]

# K = 3, two images of 1x3, asymmetric in image, pixel and class: LOGITS[n][k][pixel].
LOGITS = [[[0.5, -1.0, 0.2], [1.5, 0.3, -0.7], [-0.4, 2.0, 0.1]],
          [[-0.2, 0.9, 1.1], [0.6, -1.3, 0.4], [0.0, 0.8, -2.0]]]
TARGET = [[1, 2, 0], [1, 0, 1]]
IGNORED = [[1, 2, 255], [255, 0, 1]]
SMOOTH = 1e-6


def softmax(column):
    top = max(column)
    e = [math.exp(v - top) for v in column]
    return [v / sum(e) for v in e]


def pairs(logits, target, reduction):
    """One list of (p, t) per reduction set, in the order image, class; label 255 is left out."""
    sets = {}
    for n, image in enumerate(logits):
        for pixel in range(len(image[0])):
            if target[n][pixel] == 255:
                continue
            p = softmax([image[k][pixel] for k in range(len(image))])
            for k in range(1, len(image)):
                key = k if reduction == "batch" else (n, k)
                sets.setdefault(key, []).append((p[k], float(target[n][pixel] == k)))
    return [sets[key] for key in sorted(sets)]


def overlap(s):
    tp = sum(p * t for p, t in s)
    return tp, sum(p * (1 - t) for p, t in s), sum((1 - p) * t for p, t in s)


def dice_loss(s, smooth):
    tp, fp, fn = overlap(s)
    return 1 - (2 * tp + smooth) / (2 * tp + fp + fn + smooth)


def tversky_loss(s, a_fn, a_fp, smooth):
    tp, fp, fn = overlap(s)
    return 1 - (tp + smooth) / (tp + a_fn * fn + a_fp * fp + smooth)


def squared_dice_loss(s, smooth):
    """Paper 001: squares in the denominator."""
    overlap_sum = sum(p * t for p, t in s)
    return 1 - (2 * overlap_sum + smooth) / (sum(p * p + t * t for p, t in s) + smooth)


def focal_tversky_loss(s, a_fn, a_fp, exponent, smooth):
    return tversky_loss(s, a_fn, a_fp, smooth) ** exponent


def hybrid_loss(s, smooth, a_fn=0.7, a_fp=0.3):
    return 0.5 * dice_loss(s, smooth) + 0.5 * tversky_loss(s, a_fn, a_fp, smooth)


def cross_entropy(logits, target):
    """Mean over the pixels that count of -log softmax of the true class."""
    terms = [-math.log(softmax([image[k][i] for k in range(len(image))])[target[n][i]])
             for n, image in enumerate(logits) for i in range(len(image[0])) if target[n][i] != 255]
    return sum(terms) / len(terms)


def weighted_cross_entropy(logits, target, weights):
    """sum(w[t] e) / sum(w[t]): PyTorch's mean of a weighted cross_entropy."""
    above = below = 0.0
    for n, image in enumerate(logits):
        for i in range(len(image[0])):
            label = target[n][i]
            if label != 255:
                above -= weights[label] * math.log(softmax([row[i] for row in image])[label])
                below += weights[label]
    return above / below


def every_class(logits, target, loss):
    """Paper 002: per image and class, summed over the classes, mean over the images."""
    images = []
    for n, image in enumerate(logits):
        counted = [i for i in range(len(image[0])) if target[n][i] != 255]
        columns = {i: softmax([row[i] for row in image]) for i in counted}
        images.append(sum(loss([(columns[i][k], float(target[n][i] == k)) for i in counted])
                          for k in range(len(image))))
    return sum(images) / len(images)


def focal_loss(logits, target, alpha, gamma):
    """Mean over the pixels that count of -a (1 - q)^gamma log q of the true class."""
    terms = []
    for n, image in enumerate(logits):
        for i in range(len(image[0])):
            label = target[n][i]
            if label == 255:
                continue
            q = softmax([row[i] for row in image])[label]
            terms.append(-(alpha if label else 1 - alpha) * (1 - q) ** gamma * math.log(q))
    return sum(terms) / len(terms)


def gradient(loss, logits, h=1e-5):
    flat = []
    for image in logits:
        for row in image:
            for i, old in enumerate(row):
                row[i] = old + h
                up = loss(logits)
                row[i] = old - h
                down = loss(logits)
                row[i] = old
                flat.append((up - down) / (2 * h))
    return flat


def near(got, want, name):
    assert abs(got - want) < 6e-8, (name, got, want)
    print(f"golden ok: {name} = {got:.10f}")


def goldens():
    s = list(zip(P, map(float, G)))
    near(overlap(s)[0], 1.8, "TP"), near(overlap(s)[1], 0.3, "FP"), near(overlap(s)[2], 1.2, "FN")
    near(1 - dice_loss(s, 0), 0.7058824, "Dice")
    near(2 * 1.8 / (sum(g * g for g in G) + sum(p * p for p in P)), 0.7912088, "Dice-sq")
    ti = 1 - tversky_loss(s, 0.7, 0.3, 0)
    near(ti, 0.6593407, "TI(fn .7, fp .3)")
    near(1 - tversky_loss(s, 0.3, 0.7, 0), 0.7594937, "TI(fn .3, fp .7)")
    near((1 - ti) ** 0.75, 0.4459028, "focal Tversky 1/gamma")
    near(1 - ti, 1 - 0.6593407, "focal Tversky with gamma 1 is Tversky")
    gamma = 4 / 3
    # The specification prints .1495667 for the last one; the value is .14956685.
    for name, e, fn_first, fp_first in (("1/gamma", 1 / gamma, 0.4459028, 0.3434353),
                                        ("gamma - 1", gamma - 1, 0.6984041, 0.6218832),
                                        ("gamma", gamma, 0.2379179, 0.1495668)):
        near(focal_tversky_loss(s, 0.7, 0.3, e, 0), fn_first, f"focal Tversky fn .7, {name}")
        near(focal_tversky_loss(s, 0.3, 0.7, e, 0), fp_first, f"focal Tversky fn .3, {name}")
    near(tversky_loss(s, 0.5, 0.5, 0), dice_loss(s, 0), "Tversky(.5, .5) is Dice")
    bce = [-math.log(p if g else 1 - p) for p, g in zip(P, G)]
    near(sum(bce) / 4, 0.7469410, "BCE mean")
    focal = [-(0.25 * (1 - p) ** 2 * math.log(p) if g else 0.75 * p ** 2 * math.log(1 - p))
             for p, g in zip(P, G)]
    near(sum(focal) / 4, 0.1232110, "binary focal(.25, 2)")
    near(hybrid_loss(s, 0), 0.3173885, "000 hybrid")
    near(1 - (3.6 + 1e-5) / (5.1 + 1e-5) + sum(focal) / 4, 0.4173280, "004 hybrid (dice + focal)")
    near(0.5 * sum(bce) / 4 + 0.5 * squared_dice_loss(s, 0), 0.4778661, "001 hybrid, mean of BCE")
    near(0.5 * sum(bce) + 0.5 * squared_dice_loss(s, 0), 1.5982776, "001 hybrid, sum of BCE")


def main():
    goldens()
    print("logits of p:", [f"{math.log(p / (1 - p)):.17g}" for p in P])
    losses = {
        "dice": lambda s: dice_loss(s, SMOOTH),
        "tversky fn .7 fp .3": lambda s: tversky_loss(s, 0.7, 0.3, SMOOTH),
        "hybrid": lambda s: hybrid_loss(s, SMOOTH),
        "squared dice": lambda s: squared_dice_loss(s, SMOOTH),
        "focal tversky fn .7 fp .3": lambda s: focal_tversky_loss(s, 0.7, 0.3, 0.75, SMOOTH),
    }
    for label, target in (("all", TARGET), ("with 255", IGNORED)):
        for name, loss in losses.items():
            for reduction in ("batch", "per_image"):
                def value(logits, loss=loss, reduction=reduction, target=target):
                    sets = pairs(logits, target, reduction)
                    return sum(map(loss, sets)) / len(sets)
                print(f"K=3 {label}, {name}, {reduction}: {value(LOGITS):.15f}")
                print("   gradient:", [f"{v:.9f}" for v in gradient(value, LOGITS)])
        for name, loss in losses.items():
            def summed(logits, loss=loss, target=target):
                return every_class(logits, target, loss)
            print(f"K=3 {label}, {name}, all classes: {summed(LOGITS):.15f}")
            print("   gradient:", [f"{v:.9f}" for v in gradient(summed, LOGITS)])
        def focal(logits, target=target):
            return focal_loss(logits, target, 0.25, 2)
        print(f"K=3 {label}, focal: {focal(LOGITS):.15f}")
        print("   gradient:", [f"{v:.9f}" for v in gradient(focal, LOGITS)])
        print(f"K=3 {label}, cross entropy: {cross_entropy(LOGITS, target):.15f}")
        print("   gradient:", [f"{v:.9f}" for v in gradient(
            lambda z, target=target: cross_entropy(z, target), LOGITS)])

        def weighted(logits, target=target):
            return weighted_cross_entropy(logits, target, [0.5, 1, 3])
        print(f"K=3 {label}, cross entropy weighed .5 1 3: {weighted(LOGITS):.15f}")
        print("   gradient:", [f"{v:.9f}" for v in gradient(weighted, LOGITS)])


if __name__ == "__main__":
    main()
