"""Reference for the lung U-Net in R231's layout, on golden.Book.

Written from SPEC-003 section 4 and the key names of the public state dict, before the C++. Run it
with

    python3 tools/reference/r231_unet.py

It asserts the parameter count of the specification and writes tests/golden/r231_unet.json.
"""
import torch

import golden
from resnets import relu


def bilinear_twice(x):
    """Twice H and W; pixel centres at halves, edges repeated."""
    for axis in (2, 3):
        n = x.shape[axis]
        before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, n - 1)], axis)
        after = torch.cat([x.narrow(axis, 1, n - 1), x.narrow(axis, n - 1, 1)], axis)
        pair = torch.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis + 1)
        x = pair.flatten(axis, axis + 1)
    return x


def average_pool(x):
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


def convolutions(x, book, name, out):
    """Twice: convolution with bias, ReLU, then batch norm."""
    for conv, norm in ((0, 2), (3, 5)):
        x = book.conv(x, f"{name}.block.{conv}", out, 3, padding=1)
        x = book.norm(relu(x), f"{name}.block.{norm}")
    return x


def network(widths):
    def net(x, book):
        skips = []
        for i, width in enumerate(widths):
            x = convolutions(x if i == 0 else average_pool(x), book, f"down_path.{i}", width)
            skips.append(x)
        for i, width in enumerate(reversed(widths[:-1])):
            up = book.conv(bilinear_twice(x), f"up_path.{i}.up.1", width, 1)
            x = convolutions(torch.cat([up, skips[-2 - i]], 1), book, f"up_path.{i}.conv_block",
                             width)
        return book.conv(x, "last", 3, 1)
    return net


def check_bilinear():
    row = bilinear_twice(torch.tensor([[[[1., 2.], [3., 4.]]]], dtype=torch.float64))
    assert row[0, 0, 1].tolist() == [1.5, 1.75, 2.25, 2.5]  # SPEC-SHARED section 1


def main():
    check_bilinear()
    full = golden.counts(network((64, 128, 256, 512, 1024)), 1, 16)
    assert full == (28_953_539, 11_776), full
    golden.write("r231_unet", "r231_unet", "widths = [4, 6, 8, 10, 12]",
                 network((4, 6, 8, 10, 12)))


if __name__ == "__main__":
    main()
