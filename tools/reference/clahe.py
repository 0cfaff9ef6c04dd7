"""CLAHE in NumPy, from SPEC-SHARED section 5, compared with OpenCV where cv2 can be imported.

Written from the specification alone, before the C++ was read. Run it with

    python3 tools/reference/clahe.py

It asserts the golden row (16x16, v = 8 i + 8 j, clip 2, tiles 2x2, row 5) and prints further rows
for tests/preprocess/. It never runs at test time.
"""
import numpy as np


def tile_table(tile, clip):
    """The 256 grey levels that one tile maps to."""
    area = tile.size
    histogram = np.bincount(tile.reshape(-1), minlength=256).astype(np.int64)
    limit = max(1, int(np.floor(clip * area / 256)))
    excess = int(np.maximum(histogram - limit, 0).sum())
    histogram = np.minimum(histogram, limit) + excess // 256
    rest = excess % 256
    if rest:
        step = max(256 // rest, 1)
        histogram[np.arange(0, 256, step)[:rest]] += 1
    scale = np.float32(255.0) / np.float32(area)
    return np.rint(np.cumsum(histogram).astype(np.float32) * scale).clip(0, 255)


def padded(image, tiles_x, tiles_y):
    """Reflect-101 at the right and bottom, up to the next multiple of the tile grid."""
    h, w = image.shape
    if h % tiles_y == 0 and w % tiles_x == 0:
        return image
    return np.pad(image, ((0, tiles_y - h % tiles_y), (0, tiles_x - w % tiles_x)), mode="reflect")


def neighbours(size, tile, tiles):
    """Low tile, high tile and the share of the high one, for every row or column."""
    at = np.arange(size, dtype=np.float32) * np.float32(1.0 / tile) - np.float32(0.5)
    low = np.floor(at).astype(int)
    share = (at - low).astype(np.float32)
    return np.maximum(low, 0), np.minimum(low + 1, tiles - 1), share


def clahe(image, clip, tiles_x, tiles_y):
    """uint8 [H,W] -> uint8 [H,W]."""
    big = padded(image, tiles_x, tiles_y)
    th, tw = big.shape[0] // tiles_y, big.shape[1] // tiles_x
    tables = np.stack([np.stack([tile_table(big[y * th:(y + 1) * th, x * tw:(x + 1) * tw], clip)
                                 for x in range(tiles_x)]) for y in range(tiles_y)])
    tables = tables.astype(np.float32)
    y0, y1, fy = neighbours(image.shape[0], th, tiles_y)
    x0, x1, fx = neighbours(image.shape[1], tw, tiles_x)
    fy, one = fy[:, None], np.float32(1)
    pick = lambda ys, xs: tables[ys[:, None], xs[None, :], image]
    top = pick(y0, x0) * (one - fx) + pick(y0, x1) * fx
    bottom = pick(y1, x0) * (one - fx) + pick(y1, x1) * fx
    return np.rint(top * (one - fy) + bottom * fy).clip(0, 255).astype(np.uint8)


def main():
    i, j = np.mgrid[0:16, 0:16]
    ramp = (8 * i + 8 * j).astype(np.uint8)
    golden = [57, 64, 76, 84, 96, 104, 108, 116, 120, 128, 134, 138, 147, 155, 167, 179]
    assert clahe(ramp, 2.0, 2, 2)[5].tolist() == golden
    print("golden ok: row 5")
    print("row 0: ", clahe(ramp, 2.0, 2, 2)[0].tolist())
    print("row 15:", clahe(ramp, 2.0, 2, 2)[15].tolist())
    print("clip 4, tiles 4 across and 2 down, row 5:", clahe(ramp, 4.0, 4, 2)[5].tolist())
    try:
        import cv2
    except ImportError:
        print("cv2 is not importable: not compared")
        return
    rng = np.random.default_rng(0)
    for h, w in ((16, 16), (64, 48), (50, 37), (48, 37), (256, 256), (100, 96)):
        picture = (rng.integers(0, 80, (h, w)) + np.mgrid[0:h, 0:w][1] * 150 // w).astype(np.uint8)
        for clip, tx, ty in ((2.0, 8, 8), (4.0, 4, 2), (40.0, 2, 3)):
            theirs = cv2.createCLAHE(clipLimit=clip, tileGridSize=(tx, ty)).apply(picture)
            apart = np.abs(theirs.astype(int) - clahe(picture, clip, tx, ty))
            print(f"{h}x{w} clip {clip} tiles {tx}x{ty}: "
                  f"{(apart > 0).sum()} pixels differ, at most by {apart.max()}")


if __name__ == "__main__":
    main()
