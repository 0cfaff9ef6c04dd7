"""Forward pass of each network beside python3-torch running the exported TorchScript of the same.

    /usr/bin/python3 bench/forward_passes.py [--models a,b] [--side 128] [--batch 2] [--rounds 3]
        [--engine libtorch|plan]

Both run the same weights on the same threads, in turns; before anything is timed the peer's logits on
the program's own input must be the program's to 1e-4 of the largest (SegNet's unpooling and CHS-Net's
hard gate decide on last bits and are left out of that check by --unchecked a,b). With --engine plan the
program runs its plan (docs/reference/inference_plan.md), which it first compares with its own LibTorch.
"""
import tempfile
import time
from pathlib import Path

import common  # before torch: it chooses the kernels of OpenBLAS
import torch


def read_dump(path):
    import json
    import struct
    data = Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    out = {}
    for name, key in (("input", "bench/image"), ("logits", "bench/logits")):
        begin, end = header[key]["data_offsets"]
        flat = torch.frombuffer(bytearray(data[8 + size + begin:8 + size + end]), dtype=torch.float32)
        out[name] = flat.reshape(header[key]["shape"])
    return out


def peer_seconds(model, image, repeats):
    with torch.no_grad():
        for _ in range(3):  # TorchScript watches two calls, then compiles
            model(image)
        times = []
        for _ in range(repeats):
            begin = time.perf_counter()
            model(image)
            times.append(time.perf_counter() - begin)
    return common.median(times)


def main():
    args = common.arguments(__doc__, models=common.NETWORKS, side=128, batch=2, repeats=3, unchecked="", engine="libtorch")
    torch.set_num_threads(args.threads)
    size = f"{args.side}x{args.side}"
    rows = []
    for name in args.models.split(","):
        with tempfile.TemporaryDirectory() as scratch:
            script, dump = Path(scratch) / "net.pt", Path(scratch) / "dump.safetensors"
            common.program(args, "export", "--model", name, "--random-weights", "--outputs", "logits",
                           "-o", script)
            common.program(args, "bench", "--models", name, "--size", size, "--batch", args.batch,
                           "--dump", dump)
            peer, seen = torch.jit.load(str(script)).eval(), read_dump(dump)
        if name not in args.unchecked.split(","):
            with torch.no_grad():
                apart = (peer(seen["input"]) - seen["logits"]).abs().max() / seen["logits"].abs().max()
            assert apart < 1e-4, f"{name}: {apart}"
        ours, theirs = [], []
        for _ in range(args.rounds):
            done, _ = common.program(args, "bench", "--models", name, "--size", size, "--batch",
                                     args.batch, "--repeats", args.repeats, "--precision", "fp32",
                                     "--engine", args.engine, "--json")
            assert done[0]["precision"] == "fp32" and done[0]["engine"] == args.engine
            ours.append(done[0]["ms"] / 1000)
            theirs.append(peer_seconds(peer, seen["input"], args.repeats))
        a, b = common.median(ours), common.median(theirs)
        rows.append((f"forward, {args.engine}, {name}, {args.batch} x {size}", a, b, "s", b / a))
        print(rows[-1], flush=True)
    common.report_all(args, rows)


if __name__ == "__main__":
    main()
