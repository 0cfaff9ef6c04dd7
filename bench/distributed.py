#!/usr/bin/env python3
"""Measures what several processes on one machine gain, and fits the planning model to it.

    bench/distributed.py GROUNDGLASS [--rounds 3] [--steps 6] [--side 192] [--images 2]
                         [--networks unet,attention_unet] [--batch-norm auto] [--output FILE.md]

Trains each network on a phantom, in turns: 1 rank with the batch B, 1 rank with 2B, 2 ranks with 2B
(weak scaling: as many images for each rank) and 2 ranks with B (strong scaling), each rank with one
thread. Images per second are those of the program's own events (progress of the training alone,
without start, validation and pictures); the median over rounds, with the range.

The model of docs/reference/cluster.md,

    t(W, B) = compute * B / W + fixed + max(0, allreduce(W) - overlap)
    allreduce(W) = 2 (W - 1) / W * bytes / bandwidth + 2 (W - 1) * latency

is fitted to the four times of each network (compute and fixed from one rank, what is left of two
ranks from the ring). Its residuals stand beside it. What it says of more than two ranks is a
prediction from one machine's loopback, not a measurement.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

RECIPE = """[preprocess]
window_hu = [-1000, 400]
size = [{side}, {side}]
[split]
folds = 2
[model]
name = "{network}"
{more}
[loss]
terms = [{{name = "dice", weight = 1.0}}]
[train]
epochs = {epochs}
batch_size = {batch}
steps_per_epoch = {steps}
batch_norm = "{norm}"
"""
NETWORKS = {
    # the U-Net of 1.9 million parameters, and the Attention U-Net at full width
    "unet": ("unet", "widths = [16, 32, 64, 128, 256]"),
    "attention_unet": ("attention_unet", ""),
}


def run(command, cwd):
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def images_per_s(program, folder, network, side, ranks, batch, steps, norm, number):
    """Of the last of two epochs; the first warms up."""
    name, more = NETWORKS[network]
    recipe = folder / f"{network}_{batch}.toml"
    recipe.write_text(RECIPE.format(side=side, network=name, more=more, batch=batch, steps=steps, epochs=2,
                                    norm=norm))
    out = folder / f"run_{number}"
    command = [program, "train", recipe, "--data", folder / f"set_{side}.ggset", "-o", out, "-q",
               "--precision", "fp32", "--threads", "1"]
    if ranks > 1:
        command += ["--processes", str(ranks)]
    run(command, folder)
    epochs = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    return [e for e in epochs if e["event"] == "epoch"][-1]["images_per_s"]


def parameters(program, network):
    models = json.loads(subprocess.run([program, "models", "--json"], check=True, capture_output=True).stdout)
    return next(m for m in models if m["name"] == NETWORKS[network][0])["parameters"]["trainable"]


def predicted(fit, ranks, batch):
    ring = 2 * (ranks - 1) / ranks * fit["ring_s"] + 2 * (ranks - 1) * fit["latency_s"]
    return fit["compute_s"] * batch / ranks + fit["fixed_s"] + ring


def fitted(times, batch):
    """Seconds of a step at (1, B), (1, 2B), (2, 2B), (2, B) -> the model's constants."""
    compute = max(1e-9, (times[1, 2 * batch] - times[1, batch]) / batch)
    fixed = max(0.0, times[1, batch] - compute * batch)
    # What two ranks take beside their share; both batches move the same gradients.
    rest = [times[2, b] - compute * b / 2 - fixed for b in (batch, 2 * batch)]
    exposed = max(0.0, statistics.mean(rest))
    # One loopback cannot tell bandwidth from latency: a tenth of a millisecond is assumed for it.
    latency = min(1e-4, exposed / 2)
    return {"compute_s": compute, "fixed_s": fixed, "latency_s": latency, "ring_s": max(0.0, exposed - 2 * latency)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groundglass", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--images", type=int, default=2, help="of a rank (B)")
    parser.add_argument("--networks", default="unet,attention_unet")
    parser.add_argument("--batch-norm", default="auto", help="auto, global or local")
    parser.add_argument("--output", type=pathlib.Path)
    args = parser.parse_args()
    program = args.groundglass.resolve()
    lines = []

    def say(text=""):
        lines.append(text)
        print(text, flush=True)

    b = args.images
    cases = {"1 rank, B": (1, b), "1 rank, 2B": (1, 2 * b), "2 ranks, 2B (weak)": (2, 2 * b), "2 ranks, B (strong)": (2, b)}
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        run([program, "phantom", "data", "--cases", "6", "--slices", "8", "--side", str(args.side), "-q"], folder)
        first = folder / "first.toml"
        first.write_text(RECIPE.format(side=args.side, network="unet", more="", batch=2, steps=1, epochs=1,
                                          norm="auto"))
        run([program, "prepare", "data/cases.csv", "--recipe", first, "-o", f"set_{args.side}.ggset", "-q"], folder)
        number = 0
        say(f"{os.cpu_count()} processors, {args.side} x {args.side}, B = {b}, fp32, one thread for each rank, "
            f"{args.rounds} rounds in turns, load average {os.getloadavg()[0]:.1f} before")
        for network in args.networks.split(","):
            rates = {name: [] for name in cases}
            for _ in range(args.rounds):
                for name, (ranks, batch) in cases.items():
                    number += 1
                    rates[name].append(images_per_s(program, folder, network, args.side, ranks, batch, args.steps,
                                                      args.batch_norm, number))
            middle = {name: statistics.median(values) for name, values in rates.items()}
            say()
            say(f"### {network}, load average {os.getloadavg()[0]:.1f} after")
            say()
            say("| case | images/s | range | ms a step |")
            say("|---|---|---|---|")
            times = {}
            for name, (ranks, batch) in cases.items():
                times[ranks, batch] = batch / middle[name]
                say(f"| {name} | {middle[name]:.2f} | {min(rates[name]):.2f} to {max(rates[name]):.2f} | "
                    f"{1000 * times[ranks, batch]:.0f} |")
            say()
            say(f"Weak scaling {middle['2 ranks, 2B (weak)'] / middle['1 rank, B']:.2f}, strong scaling "
                f"{middle['2 ranks, B (strong)'] / middle['1 rank, B']:.2f}.")
            fit = fitted(times, b)
            say()
            say("| model | measured ms | fitted ms | residual |")
            say("|---|---|---|---|")
            for name, (ranks, batch) in cases.items():
                t = predicted(fit, ranks, batch)
                say(f"| {name} | {1000 * times[ranks, batch]:.0f} | {1000 * t:.0f} | "
                    f"{100 * (t / times[ranks, batch] - 1):+.1f} % |")
            say()
            say("Predicted by the model, not measured, with as many images for each rank (weak scaling): " + ", ".join(
                f"{w} ranks {w * b / predicted(fit, w, w * b) / (b / times[1, b]):.1f} times" for w in (8, 64, 512)) + ".")
    if args.output:
        args.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
