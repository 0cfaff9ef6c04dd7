"""Predicting a folder of CT slices beside the sum of its forward passes.

    python3 bench/predict_folder.py --table ../shared/data/ct/cases.csv [--count 364] [--model RUN]

Both numbers come from the same run: `seconds` of summary.json is everything from the first file to
the last mask, `forward_seconds` the time inside the network.
"""
import csv
import json
import shutil
import tempfile
from pathlib import Path

import common


def main():
    args = common.arguments(__doc__, table=str(common.ROOT / "../shared/data/ct/cases.csv"),
                            count=364, model="ct_infection")
    source = Path(args.table).parent
    rows = [r["image"] for r in csv.DictReader(open(args.table))]
    chosen = rows[::max(1, len(rows) // args.count)][:args.count]
    ours, forward = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for i, image in enumerate(chosen):
            target = Path(scratch) / "in" / f"{i:03d}.png"
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source / image, target)
        for k in range(args.rounds):
            out = Path(scratch) / f"out{k}"
            common.program(args, "predict", Path(scratch) / "in", "-o", out, "--model", args.model,
                           "-q")
            summary = json.loads((out / "summary.json").read_text())
            assert len(summary["cases"]) == len(chosen)
            ours.append(summary["seconds"])
            forward.append(summary["forward_seconds"])
    a, b = common.median(ours), common.median(forward)
    common.report(args, [(f"predict, {len(chosen)} slices, {args.model}; peer: its forward passes",
                          a, b, "s", a / b)])


if __name__ == "__main__":
    main()
