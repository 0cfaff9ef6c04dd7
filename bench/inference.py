"""The plan beside ONNX Runtime and LibTorch: one image of each network, all engines in turns.

    /usr/bin/python3 bench/inference.py [--models a,b | --models all] [--side 256] [--batch 1]
        [--repeats 5] [--write docs/results/inference.md]

`groundglass bench --engine all` compares every engine's logits with LibTorch's before it times them; the
runtime runs the exported ONNX file in a process of its own. Memory is what an engine adds to its process:
the peak of the resident memory, from just before the stored plan is loaded (in a fresh process of the
program) or just before the runtime's session is created, to the end of a batch. Networks can be TorchScript
files too. Needs onnxruntime-node (`npm install onnxruntime-node --ignore-scripts` in build/node).
"""
import math
import subprocess

import common

ENGINES = (("libtorch", "fp32"), ("libtorch", "bf16"), ("plan", "fp32"), ("plan", "bf16"),
           ("onnxruntime", "fp32"))
PEER = ("onnxruntime", "fp32")
#: whose blocks are depthwise convolutions; all others are dense
DEPTHWISE = {"attention_unet", "chs_net", "raiu_net", "raiu_net_16", "raiu_net_64_third", "raiu_net_x1_5",
             "raiu_net_rib", "raiu_net_rib_hp"}
HEADER = ([f"{e} {p}" for e, p in ENGINES] + ["plan fp32 : ONNX", "plan bf16 : ONNX"] +
          ["MiB plan fp32", "bf16", "ONNX", "MiB fp32 / ONNX", "bf16 / ONNX"])


def network_names(args):
    if args.models != "all":
        return args.models.split(",")
    return [m["name"] for m in common.program(args, "models", "--json")[0] if "classifier" not in m["name"]]


def measured(args, name):
    """{(engine, precision): row} of one network, or the complaint."""
    words = ["bench", "--models", name, "--size", f"{args.side}x{args.side}", "--batch", args.batch, "--json"]
    try:
        rows, _ = common.program(args, *words, "--engine", "all", "--repeats", args.repeats)
        return {(row["engine"], row["precision"]): row for row in rows}
    except subprocess.CalledProcessError as error:
        return error.stderr.strip().splitlines()[-1]


def cell(found, key, field="ms"):
    return f"{found[key][field]:.0f}" if field in found.get(key, ()) else "-"


def speedup(found, precision):
    """How many times as fast as the runtime."""
    peer, ours = found.get(PEER), found.get(("plan", precision))
    return peer["ms"] / ours["ms"] if peer and ours else None


def memory(found, precision):
    """As a part of the runtime's memory."""
    peer, ours = found.get(PEER, {}), found.get(("plan", precision), {})
    both = "memory_mib" in peer and "memory_mib" in ours
    return ours["memory_mib"] / peer["memory_mib"] if both else None


def mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def main():
    args = common.arguments(__doc__, models=common.NETWORKS, side=256, batch=1, repeats=5, write="")
    lines = ["| network | " + " | ".join(HEADER) + " |", "|---" * (len(HEADER) + 1) + "|"]
    complaints, built, dense = [], [], {"fp32": [], "bf16": []}
    ratios = {(what, precision): [] for what in (speedup, memory) for precision in ("fp32", "bf16")}
    for name in network_names(args):
        found = measured(args, name)
        if isinstance(found, str):
            complaints.append(f"* {name}: {found}")
            print(complaints[-1], flush=True)
            continue
        if any("memory_of" in row for row in found.values()):
            built.append(name)
        times, parts = [{p: what(found, p) for p in ("fp32", "bf16")} for what in (speedup, memory)]
        for what, values in ((speedup, times), (memory, parts)):
            for precision, value in values.items():
                ratios[what, precision] += [value] if value else []
                if value and what is speedup and name not in DEPTHWISE:
                    dense[precision].append(value)
        cells = [name] + [cell(found, key) for key in ENGINES]
        cells += [f"{t:.2f}" if t else "-" for t in times.values()]
        cells += [cell(found, key, "memory_mib") for key in (("plan", "fp32"), ("plan", "bf16"), PEER)]
        cells += [f"{p:.2f}" if p else "-" for p in parts.values()]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    summary = (f"{common.machine()}, {args.threads} threads, {common.commit(args)}; {args.batch} x {args.side} x "
               f"{args.side}, median milliseconds of {args.repeats} rounds in turns.\n")
    for (what, precision), values in ratios.items():
        if values and what is speedup:
            summary += (f"Plan {precision} beside ONNX Runtime fp32: geometric mean {mean(values):.2f} of "
                        f"{len(values)} networks, lowest {min(values):.2f}")
            summary += (f"; of the {len(dense[precision])} without depthwise convolutions "
                        f"{mean(dense[precision]):.2f}.\n")
        elif values:
            summary += (f"Memory that the plan {precision} adds, as a part of ONNX Runtime's: geometric mean "
                        f"{mean(values):.2f} of {len(values)} networks, highest {max(values):.2f}, at most a half "
                        f"in {sum(v <= 0.5 for v in values)}.\n")
    if built:
        summary += f"Plans that run in LibTorch in parts are built, not loaded: {', '.join(built)}.\n"
    text = summary + "\n" + "\n".join(lines + ([""] + complaints if complaints else [])) + "\n"
    print(text)
    if args.write:
        with open(args.write, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
