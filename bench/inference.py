"""The plan beside ONNX Runtime and LibTorch: one image of each network, all engines in turns.

    /usr/bin/python3 bench/inference.py [--models a,b | --models all] [--side 256] [--batch 1]
        [--repeats 5] [--write docs/results/inference.md]

`groundglass bench --engine all` compares every engine's logits with LibTorch's before it times them; the
runtime runs the exported ONNX file in a process of its own. Peak memory is that of a call with the plan
alone, whole program, beside the runtime's process (Node included). Needs onnxruntime-node
(`npm install onnxruntime-node --ignore-scripts` in build/node).
"""
import math
import subprocess

import common

ENGINES = (("libtorch", "fp32"), ("libtorch", "bf16"), ("plan", "fp32"), ("plan", "bf16"),
           ("onnxruntime", "fp32"))


def network_names(args):
    if args.models != "all":
        return args.models.split(",")
    return [m["name"] for m in common.program(args, "models", "--json")[0] if "classifier" not in m["name"]]


def measured(args, name):
    """{(engine, precision): row} of one network, or the complaint."""
    words = ["bench", "--models", name, "--size", f"{args.side}x{args.side}", "--batch", args.batch, "--json"]
    try:
        rows, _ = common.program(args, *words, "--engine", "all", "--repeats", args.repeats)
        found = {(row["engine"], row["precision"]): row for row in rows}
        for precision in ("fp32", "bf16"):
            if ("plan", precision) in found:
                alone, _ = common.program(args, *words, "--engine", "plan", "--precision", precision,
                                          "--repeats", 1)
                found["plan", precision]["rss_mib"] = alone[0]["rss_mib"]
        return found
    except subprocess.CalledProcessError as error:
        return error.stderr.strip().splitlines()[-1]


def cell(found, key, field="ms"):
    return f"{found[key][field]:.0f}" if key in found else "-"


def ratio(found, key):
    peer = found.get(("onnxruntime", "fp32"))
    return peer["ms"] / found[key]["ms"] if peer and key in found else None


def mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def main():
    args = common.arguments(__doc__, models=common.NETWORKS, side=256, batch=1, repeats=5, write="")
    lines = ["| network | " + " | ".join(f"{e} {p}" for e, p in ENGINES) +
             " | plan fp32 : ONNX | plan bf16 : ONNX | MiB plan fp32 | bf16 | ONNX |",
             "|---" * (len(ENGINES) + 6) + "|"]
    complaints, ratios = [], {"fp32": [], "bf16": []}
    for name in network_names(args):
        found = measured(args, name)
        if isinstance(found, str):
            complaints.append(f"* {name}: {found}")
            print(complaints[-1], flush=True)
            continue
        cells = [name] + [cell(found, key) for key in ENGINES]
        for precision in ("fp32", "bf16"):
            times = ratio(found, ("plan", precision))
            cells.append(f"{times:.2f}" if times else "-")
            if times:
                ratios[precision].append(times)
        cells += [cell(found, key, "rss_mib") for key in (("plan", "fp32"), ("plan", "bf16"), ("onnxruntime", "fp32"))]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    summary = (f"{common.machine()}, {args.threads} threads, {common.commit(args)}; {args.batch} x {args.side} x "
               f"{args.side}, median milliseconds of {args.repeats} rounds in turns.\n")
    for precision, values in ratios.items():
        if values:
            summary += (f"Plan {precision} beside ONNX Runtime fp32: geometric mean {mean(values):.2f} of "
                        f"{len(values)} networks, lowest {min(values):.2f}.\n")
    text = summary + "\n" + "\n".join(lines + ([""] + complaints if complaints else [])) + "\n"
    print(text)
    if args.write:
        with open(args.write, "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
