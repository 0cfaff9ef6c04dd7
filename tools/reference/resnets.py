"""References for the ResNet and VGG encoders: pre-activation ResNets (qubvel's Keras layout),
torchvision's ResNets and VGG-16, on golden.Book. MobileNetV2 is in mobilenet_v2.py.

Written from SPEC-003 section 1 and SPEC-004 sections 1.1 and 1.3 before the C++. Each function takes
an image [N,C,H,W] and the prefix of the parameter names and returns the taps by name: x2 is the map
at half the image's size and so on. Run it with

    python3 tools/reference/resnets.py

It asserts the parameter counts of the specification and prints the numbers that
tests/models/resnet_taps_test.cpp holds. It never runs at test time.
"""
import torch
import torch.nn.functional as F

import golden

REPETITIONS = (3, 4, 6, 3)
WIDTHS = (64, 128, 256, 512)


def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


def max_pool(x, kernel, stride, padding=0):
    """The largest value of each window, from shifted slices; -inf outside the image."""
    x = F.pad(x, (padding,) * 4, value=-float("inf"))
    h, w = (x.shape[2] - kernel) // stride + 1, (x.shape[3] - kernel) // stride + 1
    best = None
    for ky in range(kernel):
        for kx in range(kernel):
            part = x[:, :, ky:ky + (h - 1) * stride + 1:stride, kx:kx + (w - 1) * stride + 1:stride]
            best = part if best is None else torch.maximum(best, part)
    return best


def resnet_preact(x, book, name, depth=34):
    """x2 .. x32, and for depth 50 also coarse4, coarse8, coarse16."""
    norm = lambda t, layer, **k: book.norm(t, f"{name}.{layer}", eps=2e-5, momentum=0.01, **k)
    conv = lambda t, layer, out, kernel, stride=1: book.conv(
        t, f"{name}.{layer}", out, kernel, stride, padding=kernel // 2, bias=False)
    taps = {}
    x = norm(x, "bn_data", gamma=False)
    x = conv(x, "conv0", 64, 7, 2)
    x = taps["x2"] = relu(norm(x, "bn0"))
    x = max_pool(x, 3, 2, 1)
    for stage in range(1, 5):
        width = WIDTHS[stage - 1]
        for unit in range(1, REPETITIONS[stage - 1] + 1):
            at = f"stage{stage}_unit{unit}"
            stride = 2 if unit == 1 and stage > 1 else 1
            active = relu(norm(x, at + ".bn1"))
            if unit == 1 and stage > 1:
                taps[f"x{2 ** stage}"] = active
            if unit == 2 and stage < 4 and depth == 50:
                taps[f"coarse{2 ** (stage + 1)}"] = active
            if depth == 34:
                y = conv(active, at + ".conv1", width, 3, stride)
                y = conv(relu(norm(y, at + ".bn2")), at + ".conv2", width, 3)
                out = width
            else:
                y = conv(active, at + ".conv1", width, 1)
                y = conv(relu(norm(y, at + ".bn2")), at + ".conv2", width, 3, stride)
                y = conv(relu(norm(y, at + ".bn3")), at + ".conv3", 4 * width, 1)
                out = 4 * width
            x = y + (conv(active, at + ".sc", out, 1, stride) if unit == 1 else x)
    taps["x32"] = relu(norm(x, "bn1"))
    return taps


def resnet(x, book, name, depth=34):
    """Activation after the addition, torchvision's names."""
    norm = lambda t, layer: book.norm(t, f"{name}.{layer}")
    conv = lambda t, layer, out, kernel, stride=1: book.conv(
        t, f"{name}.{layer}", out, kernel, stride, padding=kernel // 2, bias=False)
    taps = {}
    x = taps["x2"] = relu(norm(conv(x, "conv1", 64, 7, 2), "bn1"))
    x = max_pool(x, 3, 2, 1)
    for stage in range(1, 5):
        width = WIDTHS[stage - 1]
        for unit in range(2 if depth == 18 else REPETITIONS[stage - 1]):
            at = f"layer{stage}.{unit}"
            stride = 2 if unit == 0 and stage > 1 else 1
            if depth < 50:
                out = width
                y = relu(norm(conv(x, at + ".conv1", width, 3, stride), at + ".bn1"))
                y = norm(conv(y, at + ".conv2", width, 3), at + ".bn2")
            else:
                out = 4 * width
                y = relu(norm(conv(x, at + ".conv1", width, 1), at + ".bn1"))
                y = relu(norm(conv(y, at + ".conv2", width, 3, stride), at + ".bn2"))
                y = norm(conv(y, at + ".conv3", out, 1), at + ".bn3")
            if stride > 1 or x.shape[1] != out:
                x = norm(conv(x, at + ".downsample.0", out, 1, stride), at + ".downsample.1")
            x = relu(y + x)
        taps[f"x{2 ** (stage + 1)}"] = x
    return taps


def vgg16(x, book, name):
    """x1 .. x16 before each pooling, x32 after the last one; torchvision's names."""
    taps, place, stride = {}, 0, 1
    for block in ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3):
        for out in block:
            x = relu(book.conv(x, f"{name}.features.{place}", out, 3, padding=1))
            place += 2  # the convolution and its ReLU
        taps[f"x{stride}"] = x
        x, place, stride = max_pool(x, 2, 2), place + 1, 2 * stride
    taps["x32"] = x
    return taps


CHANNELS = {18: [64, 64, 128, 256, 512], 34: [64, 64, 128, 256, 512],
            50: [64, 256, 512, 1024, 2048]}


def check(title, net, counts, channels):
    """Counts and the shapes of the maps, on one image of 64 x 64."""
    assert golden.counts(net, 3, 64) == counts, (title, golden.counts(net, 3, 64))
    with torch.no_grad():
        taps = net(golden.wave(0.05, (1, 3, 64, 64)), golden.Book())
    for (name, tap), c in zip(sorted(taps.items(), key=lambda t: int(t[0][1:])), channels):
        side = 64 // int(name[1:])
        assert tap.shape == (1, c, side, side), (title, name, tap.shape)


def show(title, taps):
    """Four elements and the mean square of every tap, as rows of the C++ test."""
    print(f"// {title}")
    for name, tap in taps.items():
        flat = tap.reshape(-1)
        at = [int(i) for i in torch.linspace(0, flat.numel() - 1, 40)]
        at = [i for i in at if flat[i] != 0][:4]  # where ReLUs are open
        values = ", ".join(f"{flat[i].item():.17g}" for i in at)
        print(f'{{"{name}", {(flat ** 2).mean().item():.17g}, '
              f"{{{', '.join(map(str, at))}}}, {{{values}}}}},")


def main():
    plain = lambda net: {k: v for k, v in net.items() if k.startswith("x")}
    nets = {
        "resnet34_preact": lambda x, b: plain(resnet_preact(x, b, "e", 34)),
        "resnet50_preact": lambda x, b: plain(resnet_preact(x, b, "e", 50)),
        "resnet18": lambda x, b: resnet(x, b, "e", 18),
        "resnet34": lambda x, b: resnet(x, b, "e", 34),
        "resnet50": lambda x, b: resnet(x, b, "e", 50),
        "vgg16": lambda x, b: vgg16(x, b, "e"),
    }
    check("resnet34_preact", nets["resnet34_preact"], (21_287_107, 15_366), CHANNELS[34])
    assert 21_287_107 + 15_366 == 21_302_473  # the specification prints the sum
    check("resnet50_preact", nets["resnet50_preact"], (23_500_483, 45_574), CHANNELS[50])
    check("resnet18", nets["resnet18"], (11_176_512, 9_600), CHANNELS[18])
    check("resnet34", nets["resnet34"], (21_284_672, 17_024), CHANNELS[34])
    check("resnet50", nets["resnet50"], (23_508_032, 53_120), CHANNELS[50])
    check("vgg16", nets["vgg16"], (14_714_688, 0), [64, 128, 256, 512, 512, 512])
    x = golden.wave(0.05, (2, 3, 32, 64))
    with torch.no_grad():
        show("resnet34_preact", resnet_preact(x, golden.Book(), "e", 34))
        show("resnet50_preact", resnet_preact(x, golden.Book(), "e", 50))
        for title in ("resnet18", "resnet34", "resnet50", "vgg16"):
            show(title, nets[title](x, golden.Book()))


if __name__ == "__main__":
    main()
