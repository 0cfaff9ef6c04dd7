"""What every benchmark needs: where the program is, what machine this is, how to write it down."""
import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = ("attention_unet,unet,raiu_net,segnet_depth4,a_segnet_depth5,linknet,linknet_smp,r231_unet,"
            "unet_densenet121,unet_inception_v3,unet_resnet50_preact,unet_plus_plus_densenet121,"
            "dla_densenet121,unet_vgg16,attention_unet_vgg16,inf_net")


def use_the_programs_blas_kernels():
    """Peers in this process multiply with the kernels of OpenBLAS that the program chooses for itself,
    unless the user has set others: imported before torch."""
    binary = ROOT / "build/release/bin/groundglass"
    if not binary.exists():
        return
    info = json.loads(subprocess.run([binary, "info", "--json"], capture_output=True, text=True, check=True).stdout)
    if info.get("openblas_kernels"):
        os.environ.setdefault("OPENBLAS_CORETYPE", info["openblas_kernels"])


use_the_programs_blas_kernels()


def arguments(description, **extra):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--binary", default=str(ROOT / "build/release/bin/groundglass"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    for name, default in extra.items():
        parser.add_argument("--" + name, default=default, type=type(default))
    return parser.parse_args()


def program(args, *words, check=True):
    """Runs a verb; returns its JSON document and the wall time in seconds."""
    begin = time.perf_counter()
    done = subprocess.run([args.binary, *map(str, words), "--threads", str(args.threads)],
                          check=check, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    return (json.loads(done.stdout) if done.stdout.startswith(("[", "{")) else done.stdout), seconds


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
             if line.startswith("model name")]
    return f"{names[0] if names else 'unknown processor'}, {os.cpu_count()} logical cores"


def commit(args):
    return subprocess.run([args.binary, "--version"], capture_output=True, text=True).stdout.strip()


def median(values):
    return sorted(values)[len(values) // 2]


@contextlib.contextmanager
def busy_processes(count):
    """So many processes that never sleep, as long as the block lasts."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def fair_share(quiet, busy, processors):
    """The time that work of all processors is due beside so many busy processes."""
    return quiet * (processors + busy) / processors


def report(args, rows):
    """Prints one line for each row, (name, ours, peer, unit, ratio), under machine and commit."""
    print(f"{machine()}; {args.threads} threads; {commit(args)}; {args.rounds} interleaved rounds")
    for name, ours, peer, unit, ratio in rows:
        print(f"{name}: {ours:.3g} {unit}, peer {peer:.3g} {unit}, ratio {ratio:.2f}")


def report_all(args, rows):
    """report(), and the geometric mean of the ratios."""
    report(args, rows)
    mean = math.exp(sum(math.log(row[-1]) for row in rows) / len(rows))
    print(f"geometric mean of {len(rows)} ratios: {mean:.2f}")
