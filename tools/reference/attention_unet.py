"""Reference for the Attention U-Net of system 000, float64, from elementary operations.

Written from SPEC-000 section 1 and SPEC-SHARED section 1 alone, before the C++ was read.
Weights are closed-form (blocks.closed_form; k counts the parameters from 1 in the order of
`shapes` below), so no weight file is needed. Run it with

    python3 tools/reference/attention_unet.py

It asserts the parameter counts of the paper and prints the constants of
tests/reference/attention_unet_reference_test.cpp. It never runs at test time.
"""
import math

import torch

from blocks import (cells, closed_form, conv_tf_same, conv_transpose_tf_same,
                    conv_valid, gate, separable, wave)

EPS, MOMENTUM = 1e-3, 0.01  # Keras: 1e-3 and 0.99
POSITIONS = [31, 35, 198, 431, 595, 824, 960, 1055, 1221, 1590, 1979, 2047]  # where ReLUs are open
WATCHED = ["enc.0.conv.depthwise.weight", "enc.2.norm.weight", "enc.4.conv.pointwise.weight",
           "down.1.weight", "gate.0.w_x.weight", "gate.1.w_g.weight", "gate.2.psi.weight",
           "gate.3.psi.bias", "up.0.weight", "up.3.bias", "dec.0.conv.depthwise.weight",
           "dec.3.norm.bias", "head.weight", "head.bias"]


def block_shapes(name, cin, f):
    return [(f"{name}.conv.depthwise.weight", (cin, 1, 3, 3)),
            (f"{name}.conv.pointwise.weight", (f, cin, 1, 1)),
            (f"{name}.conv.pointwise.bias", (f,)),
            (f"{name}.norm.weight", (f,)), (f"{name}.norm.bias", (f,))]


def shapes(w):
    """(name, shape) of every learnable parameter, in registration order."""
    deep = len(w) - 1
    s = []
    for i, f in enumerate(w):
        s += block_shapes(f"enc.{i}", 1 if i == 0 else w[i - 1], f)
    for i in range(deep):
        s += [(f"down.{i}.weight", (w[i], w[i], 3, 3)), (f"down.{i}.bias", (w[i],))]
    for i in range(deep):  # coarsest first
        f, g = w[deep - 1 - i], w[deep - i]
        s += [(f"gate.{i}.w_x.weight", (f, f, 1, 1)), (f"gate.{i}.w_x.bias", (f,)),
              (f"gate.{i}.w_g.weight", (f, g, 1, 1)), (f"gate.{i}.w_g.bias", (f,)),
              (f"gate.{i}.psi.weight", (1, f, 1, 1)), (f"gate.{i}.psi.bias", (1,))]
    for i in range(deep):
        f, prev = w[deep - 1 - i], w[deep - i]
        s += [(f"up.{i}.weight", (prev, f, 3, 3)), (f"up.{i}.bias", (f,))]
    for i in range(deep):
        f = w[deep - 1 - i]
        s += block_shapes(f"dec.{i}", 2 * f, f)
    return s + [("head.weight", (1, w[0], 1, 1)), ("head.bias", (1,))]


def weights(w):
    p = {}
    for k, (name, shape) in enumerate(shapes(w), start=1):
        p[name] = closed_form(k, shape)
        if name.endswith("norm.weight"):
            p[name] = 1 + 0.1 * p[name]
    return p


def block(x, p, name, moving):
    """Separable convolution, batch norm, ReLU (dropout 0). `moving` None: batch statistics."""
    x = separable(x, p[f"{name}.conv.depthwise.weight"], p[f"{name}.conv.pointwise.weight"],
                  p[f"{name}.conv.pointwise.bias"])
    channels, count = x.shape[1], x.numel() // x.shape[1]
    j = torch.arange(channels, dtype=torch.float64)
    mean, var = 0.1 * torch.sin(0.3 * j), 1 + 0.1 * torch.cos(0.3 * j)
    if moving is not None:
        old_mean, old_var = mean, var
        mean = x.sum((0, 2, 3)) / count
        var = ((x - mean[None, :, None, None]) ** 2).sum((0, 2, 3)) / count
        moving[name] = ((1 - MOMENTUM) * old_mean + MOMENTUM * mean.detach(),
                        (1 - MOMENTUM) * old_var + MOMENTUM * var.detach() * count / (count - 1))
    along = lambda v: v[None, :, None, None]
    x = (x - along(mean)) / torch.sqrt(along(var) + EPS)
    return torch.clamp(x * along(p[f"{name}.norm.weight"]) + along(p[f"{name}.norm.bias"]), min=0)


def network(x, p, deep, align, moving=None):
    skips = []
    for i in range(deep + 1):
        if i > 0:
            x = conv_tf_same(x, p[f"down.{i-1}.weight"], p[f"down.{i-1}.bias"], 2)
        x = block(x, p, f"enc.{i}", moving)
        skips.append(x)
    for i in range(deep):
        skip = skips[deep - 1 - i]
        kept = gate(skip, x, *[p[f"gate.{i}.{n}"] for n in (
            "w_x.weight", "w_x.bias", "w_g.weight", "w_g.bias", "psi.weight", "psi.bias")], align)
        x = conv_transpose_tf_same(x, p[f"up.{i}.weight"], p[f"up.{i}.bias"])
        x = block(torch.cat([x, kept], 1), p, f"dec.{i}", moving)  # concat [up, gate]
    return conv_valid(x, p["head.weight"], p["head.bias"])


def count_rows():
    """The table of SPEC-000 row by row, for the paper's widths, and its GMACs at 256 x 256."""
    w = (64, 128, 256, 512, 1024)
    rows, learn = {}, 0
    macs = 0
    for name, shape in shapes(w):
        part, i = name.split(".")[0], name.split(".")[1]
        key = f"{part}.{i}" if part != "head" else "head"
        size = math.prod(shape)
        learn += size
        rows[key] = rows.get(key, 0) + size + (size if ".norm." in name else 0)
        if len(shape) > 1:
            level = {"enc": lambda i: i, "down": lambda i: i + 1, "gate": lambda i: 4 - i,
                     "up": lambda i: 4 - i, "dec": lambda i: 3 - i}.get(part, lambda i: 0)
            macs += size * (256 >> level(int(i) if part != "head" else 0)) ** 2
    moving = 2 * (sum(w) + sum(w[:-1]))
    print("rows:", rows)
    print(f"trainable {learn}, moving {moving}, total {learn + moving}, GMAC {macs / 1e9:.4f}")
    assert (learn, moving) == (11_877_134, 5_888) and sum(rows.values()) == 11_883_022


def main():
    count_rows()
    w = (4, 8, 16, 32, 64)
    x = wave(0.05, (2, 1, 32, 32))
    print("positions:", POSITIONS)
    for align in ("stride_x", "up_g"):
        p = {name: v.requires_grad_() for name, v in weights(w).items()}
        print(f"\n== {align}")
        logits = network(x, p, 4, align)
        print("eval logits:", cells(logits.reshape(-1)[POSITIONS]))
        print(f"eval mean square: {(logits ** 2).mean().item():.17g}")
        moving = {}
        logits = network(x, p, 4, align, moving)
        print("train logits:", cells(logits.reshape(-1)[POSITIONS]))
        loss = (logits ** 2).mean()
        print(f"loss: {loss.item():.17g}")
        loss.backward()
        for name in WATCHED:
            g = p[name].grad.reshape(-1)
            some = [0, len(g) // 3, len(g) // 2, len(g) - 1]
            at = ", ".join(map(str, some))
            print(f'{{"{name}", {g.sum():.17g}, {g.abs().sum():.17g}, {{{at}}}, ' +
                  f"{cells(g[some])}}},")
        for name in ("enc.0", "dec.3"):
            print(f"moving mean {name}:", cells(moving[name][0]))
            print(f"moving var  {name}:", cells(moving[name][1]))


if __name__ == "__main__":
    main()
