#!/usr/bin/env python3
"""Measures what several processes on one machine gain, and fits the planning model to it.

    bench/distributed.py GROUNDGLASS [--rounds 3] [--steps 6] [--side 192] [--images 2]
                         [--networks unet,attention_unet] [--batch-norm auto] [--set KEY=VALUE]
                         [--output FILE.md] [--drawing FILE.svg]

Trains each network on a phantom, in turns: 1 rank with the batch B, 1 rank with 2B, 2 ranks with 2B
(weak scaling: as many images for each rank), 2 ranks with B (strong scaling) and two trainings of
batch B that know nothing of each other, each rank with one thread. Images per second are those of the
program's own events (progress of the training alone, without start, validation and pictures); the
median over rounds, with the range. Besides:

* processor ms an image: user and system time of all ranks, from the difference of a training and one
  of two steps, so that start and validation drop out; it tells what the exchange takes where other
  work keeps the processors busy, too;
* waited ms a step: how long rank 0 stood still for gradients after its backward pass. Beside it stands
  what the same all-reduce takes alone, in buckets of the same sizes, measured by LibTorch's Python where
  it is (/usr/bin/python3). The share that is hidden is 1 - waited / alone; waiting for a slower rank
  counts as waiting;
* memory: the largest resident (RSS) and proportional (PSS: what ranks share is divided among them)
  size of a rank, of trainings of two steps that are not timed: to ask the kernel for a gigabyte's
  pages ten times a second takes a third of a processor;
* the start of the world: a training that has nothing left to do, on two ranks and on one.

The model of docs/reference/cluster.md,

    t(W, B) = compute * B / W + fixed + max(0, allreduce(W) - overlap)
    allreduce(W) = 2 (W - 1) / W * bytes / bandwidth + 2 (W - 1) * latency

is fitted to the four times of each network (compute and fixed from one rank, what is left of two
ranks from the ring). Its residuals stand beside it. What it says of more than two ranks is a
prediction from one machine's loopback, not a measurement. --drawing draws it, up to 512 ranks, with
the measured points, and says so in the picture; one file for each network (FILE_network.svg).
"""
import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

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


ALONE = """
import os, sys, time, torch, torch.distributed as dist, torch.multiprocessing as mp
def work(rank, sizes, store):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', rank=rank, world_size=2, init_method='file://' + store)
    buckets = [torch.zeros(n) for n in sizes]
    times = []
    for _ in range(12):
        dist.barrier()
        begin = time.perf_counter()
        for pending in [dist.all_reduce(b, async_op=True) for b in buckets]: pending.wait()
        times.append(time.perf_counter() - begin)
    if rank == 0: print(sorted(times)[len(times) // 2])
if __name__ == '__main__':
    mp.spawn(work, ([int(n) for n in sys.argv[2:]], sys.argv[1]), 2)
"""


def all_reduce_alone_s(folder, numbers):
    """Seconds of the same sums without anything beside them, or None without Python's torch."""
    script, store = folder / "alone.py", folder / "store"
    script.write_text(ALONE)
    store.unlink(missing_ok=True)
    mib = 1 << 18  # float32 numbers
    sizes = [min(numbers, mib)]
    if numbers > 2 * mib:
        rest = numbers - 2 * mib
        sizes += [min(rest - done, 25 * mib) for done in range(0, rest, 25 * mib)] + [mib]
    done = subprocess.run(["/usr/bin/python3", script, store] + [str(n) for n in sizes], capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def memory_of(process, ranks):
    """(RSS, PSS) in MiB of the largest rank, (0, 0) where none runs."""
    pids = [process.pid]
    if ranks > 1:
        pids = [int(p) for p in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    sizes = [(0, 0)]
    for pid in pids:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        sizes.append((kib["Rss"] / 1024, kib["Pss"] / 1024))
    return max(sizes)


class Bench:
    def __init__(self, program, folder, args):
        self.program, self.folder, self.args, self.number = program, folder, args, 0

    def start(self, network, ranks, batch, steps):
        name, more = NETWORKS[network]
        self.number += 1
        recipe = self.folder / f"{network}_{self.number}.toml"
        recipe.write_text(RECIPE.format(side=self.args.side, network=name, more=more, batch=batch, steps=steps,
                                        epochs=2, norm=self.args.batch_norm))
        out = self.folder / f"run_{self.number}"
        command = [self.program, "train", recipe, "--data", self.folder / f"set_{self.args.side}.ggset", "-o", out, "-q",
                   "--precision", "fp32", "--threads", "1"]
        if ranks > 1:
            command += ["--processes", str(ranks)] + self.args.set
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL), out, command

    def end(self, process, out, ranks, memory=False):
        """Of the last of two epochs; the first warms up."""
        largest = (0, 0)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if memory:
                try:
                    largest = tuple(map(max, largest, memory_of(process, ranks)))
                except (OSError, KeyError):
                    pass  # a rank that begins or ends
            time.sleep(0.1)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"a training ended with {process.returncode}")
        epochs = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
        last = [e for e in epochs if e["event"] == "epoch"][-1]
        return {"rate": last["images_per_s"], "waited_s": last.get("exchange_wait_s", 0), "rss": largest[0],
                "pss": largest[1], "processor_s": usage.ru_utime + usage.ru_stime}

    def train(self, network, ranks, batch, steps, memory=False):
        process, out, _ = self.start(network, ranks, batch, steps)
        return self.end(process, out, ranks, memory)

    def numbers(self):
        """Of the network that was trained last."""
        return (self.folder / f"run_{self.number}" / "weights.safetensors").stat().st_size // 4

    def two_alone(self, network, batch, steps):
        both = [self.start(network, 1, batch, steps) for _ in range(2)]
        return sum(self.end(process, out, 1)["rate"] for process, out, _ in both)

    def start_s(self, network, ranks, rounds):
        """Median seconds of a training that is finished already."""
        process, out, command = self.start(network, ranks, 2, 1)
        self.end(process, out, ranks)
        times = []
        for _ in range(rounds):
            begin = time.monotonic()
            run(command, self.folder)
            times.append(time.monotonic() - begin)
        return statistics.median(times)


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


def drawing(network, fit, times, batch):
    """An SVG of images per second over ranks, both by powers of two: the model with as many images for
    each rank (weak scaling) and with a global batch of 512 B (strong), the line of no loss, and what was
    measured on one and two ranks."""
    one = batch / times[1, batch]
    top = 10  # 2^10 times the rate of one rank
    x = lambda ranks: 70 + 48 * math.log2(ranks)
    y = lambda rate: 330 - 28 * math.log2(rate / one)
    ranks = [2 ** k for k in range(10)]
    line = lambda rates, style: (f'<polyline fill="none" {style} points="'
                                 + " ".join(f"{x(w):.1f},{y(r):.1f}" for w, r in zip(ranks, rates)) + '"/>')
    weak = [w * batch / predicted(fit, w, w * batch) for w in ranks]
    strong = [512 * batch / predicted(fit, w, 512 * batch) for w in ranks]
    text = lambda at_x, at_y, words, more="": f'<text x="{at_x:.0f}" y="{at_y:.0f}" {more}>{words}</text>'
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="600" height="420" font-family="sans-serif" font-size="12">',
             '<rect width="600" height="420" fill="white"/>',
             text(70, 24, f"{network}: images/s over ranks, {batch} images for each rank", 'font-size="14"'),
             text(70, 396, "Lines: a model fitted to one and two ranks of one machine, not measured."),
             text(70, 412, "Dots: measured.")]
    for w in ranks:
        parts.append(text(x(w), 350, w, 'text-anchor="middle"'))
    parts.append(text(x(512) / 2 + 35, 372, "ranks", 'text-anchor="middle"'))
    for k in range(0, top + 1, 2):
        parts.append(f'<line x1="70" x2="510" y1="{y(one * 2 ** k):.1f}" y2="{y(one * 2 ** k):.1f}" stroke="#ddd"/>')
        parts.append(text(62, y(one * 2 ** k) + 4, f"{one * 2 ** k:.0f}", 'text-anchor="end"'))
    for name, rates, style, at in (("no loss", [w * one for w in ranks], 'stroke="#999" stroke-dasharray="4 4"', 44),
                                   ("model, weak scaling", weak, 'stroke="#1b62a5" stroke-width="2"', 62),
                                   (f"model, {512 * batch} images in all", strong, 'stroke="#b5521b" stroke-width="2"', 80)):
        parts.append(line(rates, style))
        parts.append(f'<line x1="80" x2="104" y1="{at}" y2="{at}" {style}/>')
        parts.append(text(110, at + 4, name))
    for (w, images), seconds in times.items():
        if images == w * batch:
            parts.append(f'<circle cx="{x(w):.1f}" cy="{y(images / seconds):.1f}" r="4"/>')
    return "\n".join(parts + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groundglass", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--images", type=int, default=2, help="of a rank (B)")
    parser.add_argument("--networks", default="unet,attention_unet")
    parser.add_argument("--batch-norm", default="auto", help="auto, global or local")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe, for two ranks")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--drawing", type=pathlib.Path, help="of the model, an SVG for each network")
    args = parser.parse_args()
    args.set = [word for setting in args.set for word in ("--set", setting)]
    program = args.groundglass.resolve()
    lines = []

    def say(text=""):
        lines.append(text)
        print(text, flush=True)

    b, steps = args.images, args.steps
    cases = {"1 rank, B": (1, b), "1 rank, 2B": (1, 2 * b), "2 ranks, 2B (weak)": (2, 2 * b), "2 ranks, B (strong)": (2, b)}
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        run([program, "phantom", "data", "--cases", "6", "--slices", "8", "--side", str(args.side), "-q"], folder)
        first = folder / "first.toml"
        first.write_text(RECIPE.format(side=args.side, network="unet", more="", batch=2, steps=1, epochs=1,
                                          norm="auto"))
        run([program, "prepare", "data/cases.csv", "--recipe", first, "-o", f"set_{args.side}.ggset", "-q"], folder)
        bench = Bench(program, folder, args)
        say(f"{os.cpu_count()} processors, {args.side} x {args.side}, B = {b}, fp32, one thread for each rank, "
            f"{args.rounds} rounds in turns, load average {os.getloadavg()[0]:.1f} before"
            + (f", two ranks with {' '.join(args.set)}" if args.set else ""))
        for network in args.networks.split(","):
            found = {name: [] for name in cases}
            apart, alone = [], []
            for _ in range(args.rounds):
                for name, (ranks, batch) in cases.items():
                    found[name].append(bench.train(network, ranks, batch, steps))
                apart.append(bench.two_alone(network, b, steps))
                alone.append(all_reduce_alone_s(folder, bench.numbers()))
            short = {name: bench.train(network, ranks, batch, 2)["processor_s"] for name, (ranks, batch) in cases.items()}
            memory = {name: bench.train(network, ranks, batch, 2, memory=True) for name, (ranks, batch) in cases.items()}
            middle = {name: statistics.median(r["rate"] for r in runs) for name, runs in found.items()}
            say()
            say(f"### {network}, load average {os.getloadavg()[0]:.1f} after")
            say()
            say("| case | images/s | range | ms a step | processor ms an image | waited ms a step | RSS MiB of a rank | PSS MiB |")
            say("|---|---|---|---|---|---|---|---|")
            times = {}
            for name, (ranks, batch) in cases.items():
                times[ranks, batch] = batch / middle[name]
                runs = found[name]
                long_s = statistics.median(r["processor_s"] for r in runs)
                say(f"| {name} | {middle[name]:.2f} | {min(r['rate'] for r in runs):.2f} to {max(r['rate'] for r in runs):.2f} | "
                    f"{1000 * times[ranks, batch]:.0f} | {1000 * (long_s - short[name]) / (2 * (steps - 2) * batch):.0f} | "
                    f"{1000 * statistics.median(r['waited_s'] for r in runs) / steps:.1f} | "
                    f"{memory[name]['rss']:.0f} | {memory[name]['pss']:.0f} |")
            say(f"| two trainings apart, B each, together | {statistics.median(apart):.2f} | {min(apart):.2f} to {max(apart):.2f} | | | | | |")
            say()
            say(f"Weak scaling {middle['2 ranks, 2B (weak)'] / middle['1 rank, B']:.2f} (two trainings apart "
                f"{statistics.median(apart) / middle['1 rank, B']:.2f}), strong scaling "
                f"{middle['2 ranks, B (strong)'] / middle['1 rank, B']:.2f}.")
            if None not in alone:
                waited = statistics.median(r["waited_s"] for r in found["2 ranks, 2B (weak)"]) / steps
                ring = statistics.median(alone)
                say(f"The all-reduce takes {1000 * ring:.1f} ms alone ({1000 * min(alone):.1f} to {1000 * max(alone):.1f}); "
                    f"hidden {100 * (1 - waited / ring):.0f} %.")
            starts = {ranks: bench.start_s(network, ranks, max(3, args.rounds)) for ranks in (1, 2)}
            say(f"A training with nothing left to do takes {starts[1]:.2f} s on one rank and {starts[2]:.2f} s on two.")
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
            if args.drawing:
                target = args.drawing.with_name(f"{args.drawing.stem}_{network}.svg")
                target.write_text(drawing(network, fit, times, b))
    if args.output:
        args.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
