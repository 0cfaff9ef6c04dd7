"""References for the four LinkNet layouts of system 003, on golden.Book.

Written from SPEC-003 section 1 alone, before the C++. Transposed convolutions are zeros between the
pixels and a correlation with the turned kernel. Run it with

    python3 tools/reference/linknet.py

It asserts the parameter counts of the specification and writes tests/golden/linknet*.json.
"""
import torch
import torch.nn.functional as F

import golden
from resnets import relu, resnet, resnet_preact, vgg16

KERAS = {"eps": 1e-3, "momentum": 0.01}
TORCH = {"eps": 1e-5, "momentum": 0.1}


def conv_transpose(x, book, name, out, kernel, stride, padding, output_padding=0, bias=False):
    """weight [in,out,k,k]; side (n - 1) stride - 2 padding + kernel + output_padding."""
    n, c, h, w = x.shape
    weight = book.parameter(name + ".weight", (c, out, kernel, kernel))
    spread = x.new_zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1)
    spread[:, :, ::stride, ::stride] = x
    before, after = kernel - 1 - padding, kernel - 1 - padding + output_padding
    y = F.conv2d(F.pad(spread, (before, after, before, after)),
                 weight.transpose(0, 1).flip(2, 3))
    if bias:
        y = y + book.parameter(name + ".bias", (out,))[None, :, None, None]
    return y


def nearest(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def block(x, book, name, out, up, stats):
    """1x1 to a quarter, twice the size (or the same for "same3"), 1x1 to `out`."""
    quarter = x.shape[1] // 4
    active = lambda t, part: relu(book.norm(t, f"{name}.{part}.norm", **stats))
    x = active(book.conv(x, name + ".reduce.conv", quarter, 1, bias=False), "reduce")
    at = name + ".up.conv"
    if up == "nearest":
        x = book.conv(nearest(x), at, quarter, 3, padding=1, bias=False)
    elif up == "transpose4":
        x = conv_transpose(x, book, at, quarter, 4, 2, 1)
    elif up == "transpose3":
        x = conv_transpose(x, book, at, quarter, 3, 2, 1, 1)
    else:
        x = conv_transpose(x, book, at, quarter, 3, 1, 1)
    x = active(x, "up")
    return active(book.conv(x, name + ".expand.conv", out, 1, bias=False), "expand")


def five_blocks(taps, book, up, stats, last):
    """From x32 to full size, each block followed by the tap of its size; `last` channels where the
    encoder has no tap."""
    x = taps["x32"]
    for i, stride in enumerate((16, 8, 4, 2, 1)):
        skip = taps.get(f"x{stride}")
        x = block(x, book, f"decoder.{i}", last if skip is None else skip.shape[1], up, stats)
        if skip is not None:
            x = x + skip
    return x


def qubvel(up, encoder=resnet_preact):
    def net(x, book):
        x = five_blocks(encoder(x, book, "encoder"), book, up, KERAS, 16)
        return book.conv(x, "head", 1, 3, padding=1)
    return net


def smp(x, book, encoder=resnet):
    x = five_blocks(encoder(x, book, "encoder"), book, "transpose4", TORCH, 32)
    return book.conv(x, "head", 1, 1)


def chaurasia(x, book):
    taps = resnet(x, book, "encoder")
    e1, e2, e3, x = (taps[k] for k in ("x4", "x8", "x16", "x32"))
    x = block(x, book, "decoder.0", 256, "transpose3", TORCH) + e3
    x = block(x, book, "decoder.1", 128, "transpose3", TORCH) + e2
    x = block(x, book, "decoder.2", 64, "transpose3", TORCH) + e1
    x = block(x, book, "decoder.3", 64, "same3", TORCH)
    x = conv_transpose(x, book, "final_up.conv", 32, 3, 2, 1, 1)
    x = relu(book.norm(x, "final_up.norm", **TORCH))
    x = book.conv(x, "final_conv.conv", 32, 3, padding=1, bias=False)
    x = relu(book.norm(x, "final_conv.norm", **TORCH))
    return conv_transpose(x, book, "head", 1, 2, 2, 0, bias=True)


def check_transposed():
    """conv_transpose against PyTorch's own."""
    x = golden.wave(0.3, (2, 3, 4, 5))
    for kernel, stride, padding, more in ((4, 2, 1, 0), (3, 2, 1, 1), (3, 1, 1, 0), (2, 2, 0, 0)):
        book = golden.Book()
        y = conv_transpose(x, book, "t", 6, kernel, stride, padding, more)
        own = F.conv_transpose2d(x, book.parameters["t.weight"], None, stride, padding, more)
        assert torch.allclose(y, own, atol=1e-12)


def main():
    check_transposed()
    nets = {"linknet": qubvel("nearest"), "linknet_transpose": qubvel("transpose4"),
            "linknet_chaurasia": chaurasia, "linknet_smp": smp}
    # The last two totals of the specification cover learnable parameters alone.
    wanted = {"linknet": (21_619_828, 17_446), "linknet_transpose": (21_773_940, 17_446),
              "linknet_chaurasia": (21_641_473, 19_136), "linknet_smp": (21_771_681, 19_136)}
    for name, net in nets.items():
        assert golden.counts(net, 3, 64) == wanted[name], (name, golden.counts(net, 3, 64))
        golden.write(name, name, "", net, image=(2, 3, 64, 64))
    golden.write("linknet_vgg16", "linknet", 'encoder = "vgg16"',
                 qubvel("nearest", vgg16), image=(2, 3, 32, 64))


if __name__ == "__main__":
    main()
