"""References for the DenseNet-121 and Inception-v3 encoders, on golden.Book.

Written from SPEC-004 section 1.1 and SPEC-SHARED section 1 before the C++. Each function takes an
image [N,C,H,W] and the prefix of the parameter names (which are torchvision's) and returns the taps
by name: x2 is the map at half the image's size and so on. Run it with

    python3 tools/reference/encoders.py

It asserts the parameter counts and the shapes of the specification. It never runs at test time.
"""
import math

import torch
import torch.nn.functional as F

import golden
from resnets import check, max_pool, relu


def densenet121(x, book, name):
    """Taps stand between a transition's convolution and its average pooling."""
    def active(t, layer):
        return relu(book.norm(t, f"{name}.features.{layer}", eps=1.001e-5, momentum=0.01))

    def conv(t, layer, out, kernel, stride=1):
        return book.conv(t, f"{name}.features.{layer}", out, kernel, stride,
                         padding=kernel // 2, bias=False)

    taps = {}
    x = taps["x2"] = active(conv(x, "conv0", 64, 7, 2), "norm0")
    x = max_pool(x, 3, 2, 1)
    for block, layers in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, layers + 1):
            at = f"denseblock{block}.denselayer{layer}"
            y = conv(active(x, at + ".norm1"), at + ".conv1", 128, 1)
            y = conv(active(y, at + ".norm2"), at + ".conv2", 32, 3)
            x = torch.cat([x, y], 1)
        if block < 4:
            at = f"transition{block}"
            x = taps[f"x{2 ** (block + 1)}"] = conv(active(x, at + ".norm"), at + ".conv",
                                                    x.shape[1] // 2, 1)
            x = (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2]
                 + x[:, :, 1::2, 1::2]) / 4
    taps["x32"] = active(x, "norm5")
    return taps


def same(size, kernel, stride):
    """TensorFlow's padding before and after."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pool_average_same(x):
    """3x3, stride 1; what lies outside counts neither in the sum nor in the divisor."""
    def box(t):
        t = F.pad(t, (1, 1, 1, 1))
        h, w = t.shape[2] - 2, t.shape[3] - 2
        return sum(t[:, :, i:i + h, j:j + w] for i in range(3) for j in range(3))
    return box(x) / box(torch.ones_like(x))


def pool_max_same(x):
    """3x3, stride 2, padding "same" with -inf."""
    top, bottom = same(x.shape[2], 3, 2)
    left, right = same(x.shape[3], 3, 2)
    return max_pool(F.pad(x, (left, right, top, bottom), value=-float("inf")), 3, 2)


def inception_v3(x, book, name):
    """Every convolution and pooling with padding "same"; batch norm without scale."""
    def conv(t, layer, out, rows, cols=None, stride=1):
        cols = cols or rows
        pads = same(t.shape[3], cols, stride) + same(t.shape[2], rows, stride)
        y = book.conv(t, f"{name}.{layer}.conv", out, (rows, cols), stride, pads, bias=False)
        return relu(book.norm(y, f"{name}.{layer}.bn", eps=1e-3, momentum=0.01, gamma=False))

    taps = {}
    x = conv(x, "Conv2d_1a_3x3", 32, 3, stride=2)
    x = conv(x, "Conv2d_2a_3x3", 32, 3)
    x = taps["x2"] = conv(x, "Conv2d_2b_3x3", 64, 3)
    x = pool_max_same(x)
    x = conv(x, "Conv2d_3b_1x1", 80, 1)
    x = taps["x4"] = conv(x, "Conv2d_4a_3x3", 192, 3)
    x = pool_max_same(x)

    for at, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):  # mixed0 .. mixed2
        five = conv(conv(x, at + ".branch5x5_1", 48, 1), at + ".branch5x5_2", 64, 5)
        double = conv(x, at + ".branch3x3dbl_1", 64, 1)
        double = conv(double, at + ".branch3x3dbl_2", 96, 3)
        double = conv(double, at + ".branch3x3dbl_3", 96, 3)
        x = torch.cat([conv(x, at + ".branch1x1", 64, 1), five, double,
                       conv(pool_average_same(x), at + ".branch_pool", pooled, 1)], 1)
    taps["x8"] = x

    at = "Mixed_6a"  # mixed3
    double = conv(x, at + ".branch3x3dbl_1", 64, 1)
    double = conv(double, at + ".branch3x3dbl_2", 96, 3)
    double = conv(double, at + ".branch3x3dbl_3", 96, 3, stride=2)
    x = torch.cat([conv(x, at + ".branch3x3", 384, 3, stride=2), double, pool_max_same(x)], 1)

    for at, f in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        seven = conv(x, at + ".branch7x7_1", f, 1)
        seven = conv(seven, at + ".branch7x7_2", f, 1, 7)
        seven = conv(seven, at + ".branch7x7_3", 192, 7, 1)
        double = conv(x, at + ".branch7x7dbl_1", f, 1)
        double = conv(double, at + ".branch7x7dbl_2", f, 7, 1)
        double = conv(double, at + ".branch7x7dbl_3", f, 1, 7)
        double = conv(double, at + ".branch7x7dbl_4", f, 7, 1)
        double = conv(double, at + ".branch7x7dbl_5", 192, 1, 7)
        x = torch.cat([conv(x, at + ".branch1x1", 192, 1), seven, double,
                       conv(pool_average_same(x), at + ".branch_pool", 192, 1)], 1)
    taps["x16"] = x  # mixed7

    at = "Mixed_7a"  # mixed8
    three = conv(conv(x, at + ".branch3x3_1", 192, 1), at + ".branch3x3_2", 320, 3, stride=2)
    seven = conv(x, at + ".branch7x7x3_1", 192, 1)
    seven = conv(seven, at + ".branch7x7x3_2", 192, 1, 7)
    seven = conv(seven, at + ".branch7x7x3_3", 192, 7, 1)
    seven = conv(seven, at + ".branch7x7x3_4", 192, 3, stride=2)
    x = torch.cat([three, seven, pool_max_same(x)], 1)

    for at in ("Mixed_7b", "Mixed_7c"):  # mixed9, mixed10
        three = conv(x, at + ".branch3x3_1", 384, 1)
        double = conv(conv(x, at + ".branch3x3dbl_1", 448, 1), at + ".branch3x3dbl_2", 384, 3)
        x = torch.cat([conv(x, at + ".branch1x1", 320, 1),
                       conv(three, at + ".branch3x3_2a", 384, 1, 3),
                       conv(three, at + ".branch3x3_2b", 384, 3, 1),
                       conv(double, at + ".branch3x3dbl_3a", 384, 1, 3),
                       conv(double, at + ".branch3x3dbl_3b", 384, 3, 1),
                       conv(pool_average_same(x), at + ".branch_pool", 192, 1)], 1)
    taps["x32"] = x
    return taps


def main():
    check("densenet121", lambda x, b: densenet121(x, b, "e"), (6_953_856, 83_648),
          [64, 128, 256, 512, 1024])
    assert 6_953_856 + 83_648 == 7_037_504
    check("inception_v3", lambda x, b: inception_v3(x, b, "e"), (21_768_352, 34_432),
          [64, 192, 288, 768, 2048])
    assert 21_768_352 + 34_432 == 21_802_784
    print("densenet121 and inception_v3: counts and shapes are those of the specification")


if __name__ == "__main__":
    main()
