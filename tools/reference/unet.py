"""Reference for the plain U-Net (Ronneberger 2015, padded, with batch norm), float64.

Written from STYLE 3.5 and the names agreed for its checkpoint, before the C++ was read: per scale
twice (3x3 convolution padded by 1 without bias, batch norm eps 1e-5, ReLU), 2x2 max pooling between
scales, 2x2 stride-2 transposed convolution with bias, concatenation [skip, up], 1x1 head.
Weights are closed-form (blocks.closed_form, k from 1 in the order of `shapes`). Run it with

    python3 tools/reference/unet.py

It prints the constants of tests/reference/unet_reference_test.cpp, and never runs at test time.
"""
import math

import torch

from blocks import cells, closed_form, conv_valid, pad, wave

EPS, MOMENTUM = 1e-5, 0.1
POSITIONS = [31, 35, 198, 431, 595, 824, 960, 1055, 1221, 1590, 1979, 2047]  # where ReLUs are open
WATCHED = ["down.0.conv1.weight", "down.1.norm1.weight", "down.2.conv2.weight", "down.2.norm2.bias",
           "up.0.weight", "up.1.bias", "fuse.0.conv1.weight", "fuse.1.norm2.bias", "head.weight",
           "head.bias"]


def block_shapes(name, cin, f):
    s = []
    for half, c in ((1, cin), (2, f)):
        s += [(f"{name}.conv{half}.weight", (f, c, 3, 3)),
              (f"{name}.norm{half}.weight", (f,)), (f"{name}.norm{half}.bias", (f,))]
    return s


def shapes(w, out=1):
    s = []
    for i, f in enumerate(w):
        s += block_shapes(f"down.{i}", 1 if i == 0 else w[i - 1], f)
    coarse_first = [(w[i], w[i - 1]) for i in range(len(w) - 1, 0, -1)]
    for i, (prev, f) in enumerate(coarse_first):
        s += [(f"up.{i}.weight", (prev, f, 2, 2)), (f"up.{i}.bias", (f,))]
    for i, (_, f) in enumerate(coarse_first):
        s += block_shapes(f"fuse.{i}", 2 * f, f)
    return s + [("head.weight", (out, w[0], 1, 1)), ("head.bias", (out,))]


def weights(w):
    p = {}
    for k, (name, shape) in enumerate(shapes(w), start=1):
        p[name] = closed_form(k, shape)
        if ".norm" in name and name.endswith("weight"):
            p[name] = 1 + 0.1 * p[name]
    return p


def norm(x, p, name, moving):
    channels, count = x.shape[1], x.numel() // x.shape[1]
    j = torch.arange(channels, dtype=torch.float64)
    mean, var = 0.1 * torch.sin(0.3 * j), 1 + 0.1 * torch.cos(0.3 * j)
    along = lambda v: v[None, :, None, None]
    if moving is not None:
        old_mean, old_var = mean, var
        mean = x.sum((0, 2, 3)) / count
        var = ((x - along(mean)) ** 2).sum((0, 2, 3)) / count
        moving[name] = ((1 - MOMENTUM) * old_mean + MOMENTUM * mean.detach(),
                        (1 - MOMENTUM) * old_var + MOMENTUM * var.detach() * count / (count - 1))
    return (x - along(mean)) / torch.sqrt(along(var) + EPS) * along(p[f"{name}.weight"]) \
        + along(p[f"{name}.bias"])


def block(x, p, name, moving):
    for half in (1, 2):
        x = conv_valid(pad(x, 1, 1, 1, 1), p[f"{name}.conv{half}.weight"])
        x = torch.clamp(norm(x, p, f"{name}.norm{half}", moving), min=0)
    return x


def pool(x):
    """2x2 maximum; where two are equal (zeros after ReLU) the first in reading order is kept."""
    n, c, h, w = x.shape
    cells4 = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 2, 4, 3, 5).reshape(
        n, c, h // 2, w // 2, 4)
    first = cells4.detach().numpy().argmax(-1)  # NumPy's argmax is the first maximum
    return cells4.gather(-1, torch.from_numpy(first)[..., None])[..., 0]


def up2(x, weight, bias):
    """Every pixel becomes a 2x2 tile: no overlap."""
    n, c, h, w = x.shape
    tiles = torch.einsum("nchw,cfab->nfhawb", x, weight)
    return tiles.reshape(n, weight.shape[1], 2 * h, 2 * w) + bias[None, :, None, None]


def network(x, p, deep, moving=None):
    skips = []
    for i in range(deep + 1):
        if i > 0:
            x = pool(x)
        x = block(x, p, f"down.{i}", moving)
        skips.append(x)
    for i in range(deep):
        x = up2(x, p[f"up.{i}.weight"], p[f"up.{i}.bias"])
        x = block(torch.cat([skips[deep - 1 - i], x], 1), p, f"fuse.{i}", moving)
    return conv_valid(x, p["head.weight"], p["head.bias"])


def main():
    for wide in ((64, 128, 256, 512, 1024), (4, 8, 16)):
        print(wide, "trainable:", sum(math.prod(s) for _, s in shapes(wide)),
              "moving:", sum(s[0] for n, s in shapes(wide) if ".norm" in n))
    w = (4, 8, 16)
    x = wave(0.05, (2, 1, 32, 32))
    p = {name: v.requires_grad_() for name, v in weights(w).items()}
    print("positions:", POSITIONS)
    logits = network(x, p, 2)
    print("eval logits:", cells(logits.reshape(-1)[POSITIONS]))
    print(f"eval mean square: {(logits ** 2).mean().item():.17g}")
    moving = {}
    logits = network(x, p, 2, moving)
    print("train logits:", cells(logits.reshape(-1)[POSITIONS]))
    loss = (logits ** 2).mean()
    print(f"loss: {loss.item():.17g}")
    loss.backward()
    for name in WATCHED:
        g = p[name].grad.reshape(-1)
        some = [0, len(g) // 3, len(g) // 2, len(g) - 1]
        at = ", ".join(map(str, some))
        print(f'{{"{name}", {g.sum():.17g}, {g.abs().sum():.17g}, {{{at}}}, {cells(g[some])}}},')
    for name in ("down.0.norm1", "fuse.1.norm2"):
        print(f"moving mean {name}:", cells(moving[name][0]))
        print(f"moving var  {name}:", cells(moving[name][1]))


if __name__ == "__main__":
    main()
