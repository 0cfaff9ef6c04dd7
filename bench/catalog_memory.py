#!/usr/bin/env python3
"""Peak memory of `predict` beside what it announced, for every network of the catalog.

    bench/catalog_memory.py [--networks all|unet,linknet,...] [--slices 40] [--side 512]

Each network is trained for one step, so that there are weights, and segments a synthetic volume twice: the call
that makes its plan, and the one that reads it. Prints a Markdown table of peak resident memory, of what `predict`
announced, of the part of it that was taken, and of the engine; exits with 1 where a peak exceeds what was announced.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import common

RECIPE = """[paper]
title = "One step of {name}"
differs = ["one step"]
[preprocess]
window_hu = [-1000, 400]
contrast = "none"
size = [256, 256]
[split]
folds = 2
[model]
name = "{name}"
[loss]
terms = [{{name = "dice", weight = 1.0}}]
[train]
epochs = 1
steps_per_epoch = 1
batch_size = 2
"""


def run_of(args, name, folder):
    """A run folder of the network after one step, or why there is none."""
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(name=name))
    words = ["train", recipe, "--data", folder / "data/cases.csv", "-o", folder / name, "-q"]
    done = subprocess.run([args.binary, *map(str, words)], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def main():
    args = common.arguments(__doc__, networks="all", slices=40, side=512)
    models, _ = common.program(args, "models", "--json")
    names = [m["name"] for m in models if args.networks in ("all", "") or m["name"] in args.networks.split(",")]
    print("| network | engine | announced, MiB | peak, MiB | peak / announced | peak with the plan read, MiB |")
    print("|---|---|---|---|---|---|")
    exceeded = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        common.program(args, "phantom", folder / "data", "--cases", 4, "--slices", 1, "--side", 256, "-q")
        common.program(args, "phantom", folder / "volume", "--cases", 1, "--slices", args.slices, "--side", args.side,
                       "--format", "dicom", "-q")
        for name in names:
            problem = run_of(args, name, folder)
            if problem:
                print(f"| `{name}` | not trained: {problem} | | | | |", flush=True)
                continue
            found = []
            for _ in range(2):
                common.program(args, "predict", folder / "volume/case_000", "-o", folder / "out", "-q", "--model",
                               folder / name, "--plans", folder / "plans", "--save-probabilities", "--overlay")
                found.append(json.loads((folder / "out/summary.json").read_text()))
                subprocess.run(["rm", "-r", folder / "out"], check=True)
            first, again = found
            peak, told = first["peak_rss_mib"], first["memory_bound_mib"]
            exceeded += peak > told or again["peak_rss_mib"] > again["memory_bound_mib"]
            print(f"| `{name}` | {first['engine']} | {told:.0f} | {peak:.0f} | {peak / told:.2f} "
                  f"| {again['peak_rss_mib']:.0f} of {again['memory_bound_mib']:.0f} |", flush=True)
            subprocess.run(["rm", "-rf", folder / name, folder / "plans"], check=True)
    print(f"\n{len(names)} networks, {args.slices} slices of {args.side} x {args.side}; {common.commit(args)}; "
          f"{common.machine()}; {args.threads} threads", flush=True)
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
