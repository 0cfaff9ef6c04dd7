"""Training step of each network beside python3-torch training the same operators.

    /usr/bin/python3 bench/training_steps.py [--models a,b] [--side 96] [--batch 2] [--rounds 2]

Forward, Dice loss, backward, Adam, float32, same threads, in turns. The peer is the exported
TorchScript read as a list of PyTorch operators that run one by one as they do in eager mode, batch
norm on the batch, every weight a leaf that Adam moves. Before anything is timed its logits in
evaluation mode must be the program's to 1e-4 of the largest (--unchecked a,b leaves networks out
whose maxima or gates decide on last bits), and afterwards every weight must have a gradient. The
peer has no dropout: the export is of evaluation mode. The fastest step of each side counts: what
else runs on the machine only ever adds.
"""
import tempfile
import time
from pathlib import Path

import common  # before torch: it chooses the kernels of OpenBLAS
import torch

from forward_passes import read_dump


class TracedNetwork:
    """The operators of a TorchScript file, to be run in either mode."""

    def __init__(self, path):
        script = torch.jit.load(str(path))
        self.state = {name: value.detach().clone() for name, value in script.state_dict().items()}
        self.weights = {}
        graph = script.inlined_graph
        names, self.constants, self.steps = {}, {}, []
        inputs = list(graph.inputs())
        names[inputs[0].debugName()], self.image = "", inputs[1].debugName()
        for node in graph.nodes():
            out = [o.debugName() for o in node.outputs()]
            into = [i.debugName() for i in node.inputs()]
            if node.kind() == "prim::GetAttr":
                names[out[0]] = (names[into[0]] + "." + node.s("name")).lstrip(".")
                if names[out[0]] in self.state:
                    value = self.constants[out[0]] = self.state[names[out[0]]]
                    if value.is_floating_point() and "running_" not in names[out[0]]:
                        self.weights[names[out[0]]] = value.requires_grad_()
            elif node.kind() == "prim::Constant":
                self.constants[out[0]] = node.output().toIValue()
            elif node.kind() != "prim::If":  # the size check
                self.steps.append((node.kind(), self.operator(node), into, out))
        self.result = next(graph.outputs()).debugName()

    @staticmethod
    def operator(node):
        without_schema = {"prim::ListConstruct": lambda *items: list(items),
                          "prim::ListUnpack": lambda items: items,
                          "prim::NumToTensor": torch.tensor}
        if node.kind() in without_schema:
            return without_schema[node.kind()]
        schema = torch._C.parse_schema(node.schema())
        space, name = node.kind().split("::")
        operator = getattr(getattr(getattr(torch.ops, space), name), schema.overload_name or "default")
        named = [a.name for a in schema.arguments if a.kwarg_only]
        if not named:
            return operator
        places = len(schema.arguments) - len(named)
        return lambda *values: operator(*values[:places], **dict(zip(named, values[places:])))

    def __call__(self, image, training):
        values = {**self.constants, self.image: image}
        for kind, operator, into, out in self.steps:
            arguments = [values[name] for name in into]
            if kind == "aten::batch_norm":
                arguments[5] = training
            result = operator(*arguments)
            if len(out) == 1 and kind != "prim::ListUnpack":
                values[out[0]] = result
            else:
                values.update(zip(out, result))
        return values[self.result]


class PeerStep:
    def __init__(self, net, image):
        self.net, self.image = net, image
        self.target = (image[:, :1] > 0.9).float()
        self.adam = torch.optim.Adam(net.weights.values(), lr=1e-4, eps=1e-7)

    def __call__(self):
        self.adam.zero_grad(set_to_none=True)
        p = torch.sigmoid(self.net(self.image, True)[:, -1:])
        loss = 1 - (2 * (p * self.target).sum() + 1e-6) / (p.sum() + self.target.sum() + 1e-6)
        loss.backward()
        self.adam.step()
        return loss.item()


def seconds(step, repeats):
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return min(times)


def measured(args, name, size):
    with tempfile.TemporaryDirectory() as scratch:
        script, dump = Path(scratch) / "net.pt", Path(scratch) / "dump.safetensors"
        common.program(args, "export", "--model", name, "--random-weights", "--outputs", "logits",
                       "-o", script)
        common.program(args, "bench", "--models", name, "--size", size, "--batch", args.batch,
                       "--dump", dump)
        net, seen = TracedNetwork(script), read_dump(dump)
    if name not in args.unchecked.split(","):
        with torch.no_grad():
            logits = net(seen["input"], False)
        apart = (logits - seen["logits"]).abs().max() / seen["logits"].abs().max()
        assert apart < 1e-4, f"{name}: {apart}"
    step = PeerStep(net, seen["input"])
    ours, theirs = [], []
    for _ in range(args.rounds):
        rows, _ = common.program(args, "bench", "--models", name, "--train", "--size", size, "--batch",
                                 args.batch, "--repeats", args.repeats, "--precision", "fp32", "--json")
        ours.append(rows[0]["ms_min"] / 1000)
        step()
        theirs.append(seconds(step, args.repeats))
    still = [n for n, v in net.weights.items() if v.grad is None]
    assert not still, f"{name}: no gradient at {still}"
    return min(ours), min(theirs)


def main():
    args = common.arguments(__doc__, models=common.NETWORKS, side=96, batch=2, repeats=3, unchecked="")
    torch.set_num_threads(args.threads)
    size = f"{args.side}x{args.side}"
    rows = []
    for name in args.models.split(","):
        ours, theirs = measured(args, name, size)
        rows.append((f"training step, {name}, {args.batch} x {size}", ours, theirs, "s",
                     theirs / ours))
        print(rows[-1], flush=True)
    common.report_all(args, rows)


if __name__ == "__main__":
    main()
