"""Reference for Inf-Net on Res2Net-50 (v1b, 26w x 4s), float64.

Written from facts of layout alone: Fan et al., IEEE TMI 2020, Fig. 2 to 4, and the shapes of the
authors' public checkpoints (Inf-Net, Res2Net). Stretching and pooling are written with matrices and
slices. Run it with

    python3 tools/reference/inf_net.py

It asserts the parameter counts and writes tests/golden/inf_net*.json.
"""
import json

import torch

from golden import GOLDEN, Book, counts, wave, write

relu = lambda x: torch.clamp(x, min=0)


def stretch(size, to, corners):
    """The matrix [to, size] of linear interpolation along one axis."""
    i = torch.arange(to, dtype=torch.float64)
    if corners:  # the ends of both axes meet
        source = i * (size - 1) / (to - 1)
    else:  # pixel centres; held at the border
        source = ((i + 0.5) * size / to - 0.5).clamp(min=0)
    low = source.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    share = source - low
    matrix = torch.zeros(to, size, dtype=torch.float64)
    rows = torch.arange(to)
    matrix[rows, low] += 1 - share
    matrix[rows, high] += share
    return matrix


def resized(x, h, w, corners=False):
    rows, columns = stretch(x.shape[2], h, corners), stretch(x.shape[3], w, corners)
    return torch.einsum("hi,ncij,wj->nchw", rows, x, columns)


def like(x, other):
    return resized(x, *other.shape[2:])


def doubled(x):
    return resized(x, 2 * x.shape[2], 2 * x.shape[3], corners=True)


def windows3(x, stride, value):
    """Nine shifted copies of x, padded by one pixel of `value`."""
    n, c, h, w = x.shape
    p = torch.full((n, c, h + 2, w + 2), value, dtype=x.dtype)
    p[:, :, 1:-1, 1:-1] = x
    return [p[:, :, a:a + h:stride, b:b + w:stride] for a in range(3) for b in range(3)]


def mean3(x, stride):
    """3x3 mean that counts the zeros beyond the border."""
    return sum(windows3(x, stride, 0.0)) / 9


def mean_of_blocks(x, s):
    return sum(x[:, :, a::s, b::s] for a in range(s) for b in range(s)) / (s * s)


def max3(x, stride):
    best, *rest = windows3(x, stride, float("-inf"))
    for other in rest:
        best = torch.where(other > best, other, best)
    return best


def bottleneck(x, book, name, width, stride, first):
    group = width * 26 // 64
    y = relu(book.norm(book.conv(x, f"{name}.conv1", 4 * group, 1, bias=False), f"{name}.bn1"))
    parts = [y[:, i * group:(i + 1) * group] for i in range(4)]
    seen = []
    for i in range(3):
        z = parts[i] if first or i == 0 else seen[-1] + parts[i]
        z = book.conv(z, f"{name}.convs.{i}", group, 3, stride=stride, padding=1, bias=False)
        seen.append(relu(book.norm(z, f"{name}.bns.{i}")))
    seen.append(mean3(parts[3], stride) if first else parts[3])
    y = book.norm(book.conv(torch.cat(seen, 1), f"{name}.conv3", 4 * width, 1, bias=False),
                  f"{name}.bn3")
    if first:
        x = mean_of_blocks(x, stride)
        x = book.norm(book.conv(x, f"{name}.downsample.1", 4 * width, 1, bias=False),
                      f"{name}.downsample.2")
    return relu(y + x)


def res2net50(x, book, name):
    x = book.conv(x, f"{name}.conv1.0", 32, 3, stride=2, padding=1, bias=False)
    x = relu(book.norm(x, f"{name}.conv1.1"))
    x = book.conv(x, f"{name}.conv1.3", 32, 3, padding=1, bias=False)
    x = relu(book.norm(x, f"{name}.conv1.4"))
    x = book.conv(x, f"{name}.conv1.6", 64, 3, padding=1, bias=False)
    x = relu(book.norm(x, f"{name}.bn1"))
    maps = [x]
    x = max3(x, 2)
    for k, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
        for b in range(blocks):
            stride = 2 if b == 0 and k > 1 else 1
            x = bottleneck(x, book, f"{name}.layer{k}.{b}", width, stride, b == 0)
        maps.append(x)
    return maps


def dilated(x, book, name, out, dilation):
    """3x3 convolution whose kernel has holes, written as the dense kernel with zeros in them."""
    w = book.parameter(f"{name}.weight", (out, x.shape[1], 3, 3))
    side = 2 * dilation + 1
    places = torch.arange(3) * dilation
    dense = torch.zeros(out, x.shape[1], side, side, dtype=x.dtype)
    dense[:, :, places[:, None], places[None, :]] = w
    return torch.nn.functional.conv2d(x, dense, padding=dilation)


def linear(x, book, name, out, kernel, padding=0):
    """Convolution and norm without ReLU."""
    return book.norm(book.conv(x, f"{name}.conv", out, kernel, padding=padding, bias=False),
                     f"{name}.bn")


def receptive_field(x, book, name, c):
    branches = [linear(x, book, f"{name}.branch0.0", c, 1)]
    for b, k in ((1, 3), (2, 5), (3, 7)):
        at = f"{name}.branch{b}"
        y = linear(x, book, f"{at}.0", c, 1)
        y = linear(y, book, f"{at}.1", c, (1, k), (k // 2, k // 2, 0, 0))
        y = linear(y, book, f"{at}.2", c, (k, 1), (0, 0, k // 2, k // 2))
        y = book.norm(dilated(y, book, f"{at}.3.conv", c, k), f"{at}.3.bn")
        branches.append(y)
    y = linear(torch.cat(branches, 1), book, f"{name}.conv_cat", c, 3, 1)
    return relu(y + linear(x, book, f"{name}.conv_res", c, 1))


def partial_decoder(deep, middle, fine, book, c, classes):
    """Parallel partial decoder: products from coarse to fine, then concatenations."""
    conv = lambda x, name, times=1: linear(x, book, f"ParDec.{name}", times * c, 3, 1)
    up = doubled
    middle_1 = conv(up(deep), "conv_upsample1") * middle
    fine_1 = conv(up(up(deep)), "conv_upsample2") * conv(up(middle), "conv_upsample3") * fine
    middle_2 = conv(torch.cat([middle_1, conv(up(deep), "conv_upsample4")], 1), "conv_concat2", 2)
    fine_2 = conv(torch.cat([fine_1, conv(up(middle_2), "conv_upsample5", 2)], 1),
                  "conv_concat3", 3)
    return book.conv(conv(fine_2, "conv4", 3), "ParDec.conv5", classes, 1)


def background(logits):
    if logits.shape[1] == 1:
        return 1 - 1 / (1 + torch.exp(-logits))
    e = torch.exp(logits - logits.max(1, keepdim=True).values)
    return e[:, :1] / e.sum(1, keepdim=True)


def reverse_attention(x, coarse, edge, book, level, classes):
    """What the coarser map left out: logits at the size of x."""
    coarse = like(coarse, x)
    wide, kernel, last, depth = (256, 5, 1, 3) if level == 4 else (64, 3, 3, 2)
    y = linear(background(coarse) * x, book, f"ra{level}_conv1", wide, 1)
    y = torch.cat([y, like(edge, x)], 1)
    for k in range(2, 2 + depth):
        y = relu(linear(y, book, f"ra{level}_conv{k}", wide, kernel, kernel // 2))
    return linear(y, book, f"ra{level}_conv{2 + depth}", classes, last, last // 2) + coarse


def inf_net(c=32, classes=1):
    """(image, book) -> [logits, global map, maps of levels 4 and 3, edge]."""
    def net(image, book):
        _, low, *high = res2net50(image, book, "resnet")
        fields = [receptive_field(x, book, f"rfb{k}_1", c) for k, x in enumerate(high, start=2)]
        edge = linear(low, book, "edge_conv1", 64, 1)
        edge = linear(linear(edge, book, "edge_conv2", 64, 3, 1), book, "edge_conv3", 64, 3, 1)
        contour = linear(edge, book, "edge_conv4", 1, 3, 1)
        maps = [partial_decoder(fields[2], fields[1], fields[0], book, c, classes)]
        for level in (4, 3, 2):
            maps.append(reverse_attention(high[level - 2], maps[-1], edge, book, level, classes))
        at_full_size = lambda x: like(x, image)
        return [at_full_size(m) for m in [maps[3], maps[0], maps[1], maps[2], contour]]
    return net


def add_sides(name, net):
    """Puts the side outputs in eval mode beside the logits; tests/models/inf_net_test.cpp."""
    file = GOLDEN / f"{name}.json"
    golden = json.loads(file.read_text())
    with torch.no_grad():
        sides = net(wave(0.05, golden["image"]), Book())[1:]
    golden["side"] = []
    for side in sides:
        flat = side.reshape(-1)
        at = [int(i) for i in torch.linspace(3, flat.numel() - 9, 6)]
        golden["side"].append({"shape": list(side.shape), "mean_square": (flat ** 2).mean().item(),
                               "at": at, "value": flat[at].tolist()})
    file.write_text(json.dumps(golden, indent=1) + "\n")


def main():
    encoder = counts(lambda x, book: res2net50(x, book, "resnet"), 3, 32)
    whole = counts(inf_net(), 3, 32)
    classifier = 2048 * 1000 + 1000  # of ImageNet; the authors' program holds it without using it
    print("res2net50", encoder, "inf_net", whole, "with the classifier", whole[0] + classifier)
    assert encoder[0] == 23_669_352 and whole[0] == 31_072_721
    assert (whole[0] + classifier) // 10 ** 6 == 33  # SPEC-001, Table 3: 33 M

    sampled = ["resnet.conv1.0.weight", "resnet.layer1.0.convs.1.weight",
               "resnet.layer2.0.downsample.1.weight", "resnet.layer3.3.convs.2.weight",
               "resnet.layer4.2.bns.1.bias", "rfb2_1.branch3.3.conv.weight",
               "rfb4_1.conv_res.bn.weight", "ParDec.conv_upsample5.conv.weight",
               "ra4_conv3.conv.weight", "ra2_conv4.conv.weight", "edge_conv2.conv.weight"]
    for name, c, classes, lines in (("inf_net", 32, 1, ""),
                                    ("inf_net_3_classes", 8, 3, "out_channels = 3\nchannels = 8")):
        net = inf_net(c, classes)
        write(name, "inf_net", lines, lambda x, book: net(x, book)[0], image=(2, 3, 64, 64),
              gradients=sampled)
        add_sides(name, net)


if __name__ == "__main__":
    main()
