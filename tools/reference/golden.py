"""What the reference scripts of whole networks share: closed-form weights by name, batch norm with
moving statistics, and the file tests/golden/NAME.json that tests/reference/golden_test.cpp reads.

A script writes its network as a function net(x, book) that asks the book for parameters by their
checkpoint names; the first time a name is asked for it gets the next number k, and its values are
sin(0.7 j + k) / sqrt(fan in) (1 + 0.1 times that for scales of batch norm). Everything is float64.
"""
import json
import math
import pathlib

import numpy
import torch
import torch.nn.functional as F

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"


class Book:
    """Parameters and moving statistics by name. training: batch norm looks at the batch."""

    def __init__(self):
        self.parameters, self.scales, self.moving = {}, [], {}
        self.training = False

    def parameter(self, name, shape, scale=False):
        if name not in self.parameters:
            k = len(self.parameters) + 1
            count = math.prod(shape)
            fan_in = math.prod(shape[1:]) if len(shape) > 1 else 1
            value = torch.sin(0.7 * torch.arange(count, dtype=torch.float64) + k).reshape(shape)
            value = value / math.sqrt(fan_in)
            if scale:
                value = 1 + 0.1 * value
                self.scales.append(name)
            self.parameters[name] = value.requires_grad_()
        assert tuple(self.parameters[name].shape) == tuple(shape), name
        return self.parameters[name]

    def norm(self, x, name, eps=1e-5, momentum=0.1, gamma=True, beta=True):
        """Batch norm over [N,C,H,W]; moving means start at 0.1 sin(0.3 j), variances at
        1 + 0.1 cos(0.3 j). momentum is the share of the new batch."""
        c, count = x.shape[1], x.numel() // x.shape[1]
        j = 0.3 * torch.arange(c, dtype=torch.float64)
        mean, var = 0.1 * torch.sin(j), 1 + 0.1 * torch.cos(j)
        along = lambda v: v[None, :, None, None]
        if self.training:
            old_mean, old_var = mean, var
            mean = x.mean((0, 2, 3))
            var = ((x - along(mean)) ** 2).mean((0, 2, 3))
            self.moving[name + ".running_mean"] = (
                (1 - momentum) * old_mean + momentum * mean.detach())
            self.moving[name + ".running_var"] = (
                (1 - momentum) * old_var + momentum * var.detach() * count / (count - 1))
        else:
            self.moving.setdefault(name + ".running_mean", mean)
            self.moving.setdefault(name + ".running_var", var)
        y = (x - along(mean)) / torch.sqrt(along(var) + eps)
        if gamma:
            y = y * along(self.parameter(name + ".weight", (c,), scale=True))
        if beta:
            y = y + along(self.parameter(name + ".bias", (c,)))
        return y

    def conv(self, x, name, out, kernel, stride=1, padding=0, bias=True, groups=1):
        """Convolution, weight [out, in/groups, kh, kw]; padding is (left, right, top, bottom) or
        one number for all sides."""
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        w = self.parameter(name + ".weight", (out, x.shape[1] // groups, kh, kw))
        b = self.parameter(name + ".bias", (out,)) if bias else None
        pad = (padding,) * 4 if isinstance(padding, int) else padding
        return F.conv2d(F.pad(x, pad), w, b, stride=stride, groups=groups)


def wave(step, shape):
    return torch.sin(step * torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape)


def counts(net, channels, side):
    """(trainable, moving) of a network at a width, found by running it on one image."""
    book = Book()
    with torch.no_grad():
        net(wave(0.05, (1, channels, side, side)), book)
    return (sum(p.numel() for p in book.parameters.values()),
            sum(v.numel() for v in book.moving.values()))


def write(name, model, options, net, image=(2, 1, 32, 32), gradients=None, places=12):
    """Runs net on a wave in both modes and writes tests/golden/NAME.json.

    model, options   the recipe's name and TOML lines of the network that must give the same
    gradients        names of parameters; by default eight spread over the network
    """
    book = Book()
    x = wave(0.05, image)
    with torch.no_grad():
        logits = net(x, book)
    flat = logits.reshape(-1)
    at = [int(i) for i in torch.linspace(7, flat.numel() - 5, places)]
    golden = {"model": model, "options": options, "image": list(image),
              "parameters": list(book.parameters), "scales": book.scales,
              "shape": list(logits.shape), "at": at,
              "eval": {"logits": flat[at].tolist(), "mean_square": (flat ** 2).mean().item()}}
    assert flat.std() > 1e-6, "the reference says nothing: constant logits"
    book.training = True
    logits = net(x, book)
    loss = (logits ** 2).mean()
    loss.backward()
    golden["train"] = {"logits": logits.detach().reshape(-1)[at].tolist(), "loss": loss.item()}
    names = list(book.parameters)
    chosen = gradients or [names[int(i)] for i in numpy.linspace(0, len(names) - 1, 8)]
    golden["gradients"] = []
    for chosen_name in chosen:
        g = book.parameters[chosen_name].grad.reshape(-1)
        assert g.abs().max() > 1e-9, f"no gradient at {chosen_name}: choose another"
        some = [0, len(g) // 3, len(g) // 2, len(g) - 1]
        golden["gradients"].append({"name": chosen_name, "sum": g.sum().item(),
                                    "absolute": g.abs().sum().item(), "at": some,
                                    "value": g[some].tolist()})
    moving = list(book.moving)
    golden["moving"] = [{"name": m, "value": book.moving[m][:4].tolist()}
                        for m in (moving[:2] + moving[-2:])]
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / f"{name}.json").write_text(json.dumps(golden, indent=1) + "\n")
    print(f"{name}: logits {logits.abs().mean():.4g}, loss {loss.item():.6g}, "
          f"{sum(p.numel() for p in book.parameters.values())} parameters")
