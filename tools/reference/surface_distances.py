"""Lesions and surface distances with NumPy and SciPy: the constants of tests/metrics/.

Written from the definitions in docs/reference/scores.md with scipy.ndimage (label, binary_erosion,
distance_transform_edt) and numpy.percentile. Run with

    python3 tools/reference/surface_distances.py

It never runs at test time. The masks are whole-number formulas, so that both languages draw the
same voxels.
"""
import numpy as np
from scipy import ndimage


def solid_masks():
    """Two ellipsoids that overlap, a sphere that is missed, a bar that is too much."""
    k, j, i = np.indices((12, 20, 24))
    truth = (4 * (k - 5) ** 2 + (j - 9) ** 2 + (i - 11) ** 2 <= 40)
    truth |= (k - 2) ** 2 + (j - 3) ** 2 + (i - 19) ** 2 <= 4
    prediction = 4 * (k - 6) ** 2 + (j - 10) ** 2 + (i - 9) ** 2 <= 36
    prediction |= (k == 9) & (j == 2) & (i >= 2) & (i <= 4)
    return prediction, truth


def flat_masks():
    """The slice k = 5 of the solid ones, one of whose pieces touches the border."""
    prediction, truth = (mask[5].copy() for mask in solid_masks())
    truth[16:20, 0:3] = True
    prediction[17:19, 0:5] = True
    return prediction, truth


def edge(mask):
    return mask & ~ndimage.binary_erosion(mask)  # outside the image counts as outside the mask


def surface(prediction, truth, spacing, tolerance):
    p, t = edge(prediction), edge(truth)
    to_truth = ndimage.distance_transform_edt(~t, sampling=spacing)[p]
    to_prediction = ndimage.distance_transform_edt(~p, sampling=spacing)[t]
    both = np.concatenate([to_truth, to_prediction])
    return {
        "boundary": (len(to_truth), len(to_prediction)),
        "hd95": max(np.percentile(to_truth, 95), np.percentile(to_prediction, 95)),
        "assd": both.mean(),
        "surface_dice": (both <= tolerance).mean(),
    }


def lesions(prediction, truth):
    every = np.ones((3,) * truth.ndim)
    t, n_t = ndimage.label(truth, every)
    p, n_p = ndimage.label(prediction, every)
    found = sum(prediction[t == n].any() for n in range(1, n_t + 1))
    false = sum(not truth[p == n].any() for n in range(1, n_p + 1))
    sizes = [int((t == n).sum()) for n in range(1, n_t + 1)]
    covered = [int((prediction & (t == n)).sum()) for n in range(1, n_t + 1)]
    return {"reference": n_t, "found": int(found), "predicted": n_p, "false": int(false),
            "sizes": sizes, "covered": covered}


def main():
    for name, masks, spacing in (("solid", solid_masks(), (2.5, 0.8, 0.7)),
                                 ("flat", flat_masks(), (0.8, 0.7))):
        print(name, {k: v if isinstance(v, tuple) else f"{v:.12f}"
                     for k, v in surface(*masks, spacing, 1.5).items()})
        print(name, lesions(*masks))
    pattern = np.fromfunction(lambda k, j, i: (k * k * 3 + j * j * 5 + i * i * 7 + k * j * i) % 11 < 3,
                              (9, 10, 11), dtype=int)
    print("pattern, 26 neighbours:", ndimage.label(pattern, np.ones((3, 3, 3)))[1], "pieces of",
          int(pattern.sum()), "voxels")
    print("its first slice, 8 neighbours:", ndimage.label(pattern[0], np.ones((3, 3)))[1],
          "pieces of", int(pattern[0].sum()))
    sparse = np.fromfunction(lambda k, j, i: (k * k * 3 + j * j * 5 + i * i * 7 + k * j * i) % 29 < 2,
                             (9, 10, 11), dtype=int)
    labels, n = ndimage.label(sparse, np.ones((3, 3, 3)))
    print("sparse:", n, "pieces of", int(sparse.sum()), "voxels, the largest of",
          int(np.bincount(labels.ravel())[1:].max()))


if __name__ == "__main__":
    main()
