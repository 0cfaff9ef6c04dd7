"""A network's forward pass and a training step beside busy processes, with their peers.

    /usr/bin/python3 bench/busy_network.py [--models unet_resnet34] [--side 256] [--busy 0,1,2,4]
        [--rounds 3] [--repeats 3]

Forward passes: the plan, and ONNX Runtime on the exported file, in turns; `groundglass bench` compares their
logits with LibTorch's before it times them. Training steps: forward, Dice loss, backward and Adam of the
paper's Attention U-Net here and by python3-torch on the same weights (training_step.py). Prints Markdown
tables of milliseconds, medians over the rounds, and how many times the fair share each takes: on p
processors beside n busy processes that share is (p + n) / p times the quiet time of the same engine.
Needs onnxruntime-node, as inference.py does.
"""
import os
import time

import common  # before torch: it chooses the kernels of OpenBLAS
import torch

import training_step


def forward_ms(args, engine):
    rows, _ = common.program(args, "bench", "--models", args.models, "--size", f"{args.side}x{args.side}",
                             "--batch", 1, "--repeats", args.repeats, "--engine", engine, "--precision",
                             "fp32", "--json")
    row = next(row for row in rows if row["engine"] == engine)
    return 1000 / row["images_per_s"]


def our_step_ms(args):
    rows, _ = common.program(args, "bench", "--models", "attention_unet", "--train", "--size",
                             f"{args.side}x{args.side}", "--batch", 2, "--repeats", args.repeats,
                             "--precision", "fp32", "--json")
    return 2000 / rows[0]["images_per_s"]


def peer_step_ms(args, step):
    times = []
    for _ in range(args.repeats + 1):  # the first is not counted
        begin = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - begin))
    return common.median(times[1:])


def table(args, title, engines):
    processors = len(os.sched_getaffinity(0))
    print(f"\n{title}, ms\n\n| busy processes | " +
          " | ".join(f"{name} | times its fair share" for name in engines) + " |")
    print("|" + "---|" * (1 + 2 * len(engines)))
    quiet = {}
    for busy in [int(n) for n in args.busy.split(",")]:
        found = {name: [] for name in engines}
        with common.busy_processes(busy):
            for _ in range(args.rounds):
                for name, measure in engines.items():
                    found[name].append(measure())
        cells = []
        for name, values in found.items():
            ms = common.median(values)
            quiet.setdefault(name, ms)  # the first row is meant to be the quiet one
            share = common.fair_share(quiet[name], busy, processors)
            cells += [f"{ms:.0f}", f"{ms / share:.2f}"]
        print(f"| {busy} | " + " | ".join(cells) + " |", flush=True)


def main():
    args = common.arguments(__doc__, models="unet_resnet34", side=256, busy="0,1,2,4", repeats=3)
    torch.set_num_threads(args.threads)
    print(f"{common.machine()}; {args.threads} threads; {common.commit(args)}; {args.rounds} rounds in turns")
    table(args, f"forward pass of {args.models}, 1 x {args.side} x {args.side}",
          {"plan": lambda: forward_ms(args, "plan"),
           "ONNX Runtime": lambda: forward_ms(args, "onnxruntime")})
    net = training_step.AttentionUNet()
    training_step.check_same_network(args, net)
    step = training_step.PeerStep(net, 2, args.side, False)
    table(args, f"training step of attention_unet, 2 x {args.side} x {args.side}",
          {"groundglass": lambda: our_step_ms(args),
           f"torch {torch.__version__}": lambda: peer_step_ms(args, step)})


if __name__ == "__main__":
    main()
