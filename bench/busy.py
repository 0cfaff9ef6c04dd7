#!/usr/bin/env python3
"""Times a study beside busy processes.

The program limits how long threads of OpenMP spin at barriers (groundglass/command/first_stage.cpp).
This compares it with libgomp's own number, in turns, beside 0, 1, 2 and 4 processes that never
sleep. Masks of all runs are compared before a time is printed.

    bench/busy.py GROUNDGLASS [--slices 80] [--side 512] [--rounds 2] [--busy 0,1,2,4]
               [--slow-limit 120]

Prints a Markdown table of seconds. The fair share of a study beside n busy processes on p processors
is (p + n) / p times the quiet time where n > 0.
"""
import argparse
import hashlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import common

SETTINGS = {
    # name: environment; GROUNDGLASS sets GOMP_SPINCOUNT by itself unless something is set.
    "program": {},
    "libgomp": {"GOMP_SPINCOUNT": "300000"},  # what libgomp takes with no more threads than processors
}


def digest(folder):
    """Of all masks in a folder."""
    total = hashlib.sha256()
    for path in sorted(pathlib.Path(folder).rglob("*_mask.nii.gz")):
        total.update(subprocess.run(["gzip", "-dc", path], check=True, capture_output=True).stdout)
    return total.hexdigest()


def timed(command, environment, limit):
    """Seconds of a command, or None if it took longer than the limit."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GOMP_", "OMP_"))}
    begin = time.monotonic()
    try:
        subprocess.run(command, env={**clean, **environment}, check=True, timeout=limit,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groundglass")
    parser.add_argument("--slices", type=int, default=80)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--busy", default="0,1,2,4")
    parser.add_argument("--slow-limit", type=float, default=120, help="seconds after which a run counts as longer")
    a = parser.parse_args()
    program = os.path.abspath(a.groundglass)
    processors = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "phantom", folder + "/in", "--format", "dicom", "--cases", "1",
                        "--slices", str(a.slices), "--side", str(a.side), "--seed", "7"],
                       check=True, stdout=subprocess.DEVNULL)
        study = os.path.join(folder, "in")

        def predict(name):
            out = os.path.join(folder, "out_" + name)
            seconds = timed([program, "predict", study, "-o", out, "-q"], SETTINGS[name],
                            a.slow_limit)
            masks = None if seconds is None else digest(out)  # a run that was ended leaves a part
            shutil.rmtree(out, ignore_errors=True)
            return seconds, masks

        masks = {predict(name)[1] for name in SETTINGS}  # plans are made and stored here
        if len(masks) != 1:
            sys.exit("the settings give different masks")
        print(f"{a.slices} slices of {a.side} x {a.side}, {processors} processors, seconds (median of "
              f"{a.rounds}, in turns)\n\n| busy processes | fair share | program | libgomp's spinning |")
        print("|---|---|---|---|")
        quiet = None
        for busy in [int(n) for n in a.busy.split(",")]:
            seconds = {name: [] for name in SETTINGS}
            with common.busy_processes(busy):
                for _ in range(a.rounds):
                    for name in SETTINGS:
                        seconds[name].append(predict(name)[0])
            cell = {name: f"> {a.slow_limit:.0f}" if None in s else f"{statistics.median(s):.1f}"
                    for name, s in seconds.items()}
            if busy == 0 and None not in seconds["program"]:
                quiet = statistics.median(seconds["program"])
            share = "" if quiet is None else f"{common.fair_share(quiet, busy, processors):.1f}"
            print(f"| {busy} | {share} | {cell['program']} | {cell['libgomp']} |", flush=True)


if __name__ == "__main__":
    main()
