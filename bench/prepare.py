"""Preparing a data set beside what OpenCV alone needs for the same pixels.

    python3 bench/prepare.py --table ../shared/data/ct/cases.csv

The peer decodes image and mask, applies CLAHE and resizes, on as many threads, and throws the
result away; ours also reads the table, checks pairs, sums and stores. Before timing, the stored
pixels are compared with the peer's. The second row leaves out what starting any verb takes.
"""
import csv
import json
import struct
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

import common


def peer_slice(row):
    image = cv2.imread(str(row[0]), cv2.IMREAD_UNCHANGED)
    clahe = cv2.createCLAHE(2.0, (8, 8))
    image = cv2.resize(clahe.apply(image), (256, 256), interpolation=cv2.INTER_LINEAR)
    mask = cv2.imread(str(row[1]), cv2.IMREAD_UNCHANGED)
    return image, cv2.resize(mask, (256, 256), interpolation=cv2.INTER_LINEAR)


def first_images(path, count):
    data = Path(path).read_bytes()
    size = struct.unpack("<Q", data[8:16])[0]
    header = json.loads(data[16:16 + size])
    begin, side = -(-(16 + size) // 4096) * 4096, 256
    block = side * side * 2 + 8
    return header, [np.frombuffer(data, np.uint8, side * side, begin + i * block).reshape(side, side)
                    for i in range(count)]


def main():
    args = common.arguments(__doc__, table=str(common.ROOT / "../shared/data/ct/cases.csv"))
    cv2.setNumThreads(1)
    folder = Path(args.table).parent
    rows = [(folder / r["image"], folder / r["infection"]) for r in csv.DictReader(open(args.table))]
    recipe = common.ROOT / "recipes/attention_unet_2026.toml"
    ours, peer, starts = [], [], []
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(args.threads) as pool:
        for k in range(args.rounds):
            out = Path(scratch) / f"{k}.ggset"
            _, seconds = common.program(args, "prepare", args.table, "--recipe", recipe, "-o", out,
                                        "-q")
            starts.append(common.program(args, "info", "--json")[1])
            ours.append(seconds)
            if k == 0:
                for row, got in zip(rows, first_images(out, 20)[1]):
                    assert np.array_equal(peer_slice(row)[0], got), row[0]
                print("same pixels: 20 prepared images equal OpenCV's")
            begin = time.perf_counter()
            for _ in pool.map(peer_slice, rows):
                pass
            peer.append(time.perf_counter() - begin)
    a, b, start = map(common.median, (ours, peer, starts))
    name = f"prepare, {len(rows)} slices, OpenCV {cv2.__version__}"
    common.report(args, [(name, a, b, "s", b / a),
                         (f"the same without the start of {start:.2f} s", a - start, b, "s",
                          b / (a - start))])


if __name__ == "__main__":
    main()
