"""Reference for the MobileNetV2 encoder, on golden.Book, and what pretrained files say of one picture.

Written from Sandler et al. (https://arxiv.org/abs/1801.04381, Table 2) and the names of torchvision
before the C++. mobilenet_v2() takes an image [N,C,H,W] and the prefix of the parameter names and
returns the maps by name: x2 is the map at half the image's size and so on. Run it with

    python3 tools/reference/mobilenet_v2.py [FOLDER]

It asserts the parameter counts of torchvision's network. With a FOLDER that holds the two files of
ImageNet encoders whose batch norm is folded (float16 safetensors), it also runs both networks as
these files have them, convolutions with biases and no batch norm, on a closed-form picture, and
prints the numbers that tests/train/pretrained_files_test.cpp holds. It never runs at test time.
"""
import json
import pathlib
import struct
import sys

import numpy
import torch
import torch.nn.functional as F

import golden
from resnets import check, max_pool, relu

# expansion, channels, units, stride of the first
ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1))
TAPS = {1: "x2", 3: "x4", 6: "x8", 13: "x16", 18: "x32"}


def relu6(x):
    return 6 - relu(6 - relu(x))


def border(x, stride, padding):
    """(left, right, top, bottom) around a 3x3 kernel."""
    if padding == "symmetric" or stride == 1:
        return (1, 1, 1, 1)
    width, height = (max(-(-n // 2) * 2 - 2 + 3 - n, 0) for n in (x.shape[3], x.shape[2]))
    return (width // 2, width - width // 2, height // 2, height - height // 2)


def walk(x, conv):
    """The network, whatever a convolution is: conv(x, name, number, out, kernel, stride, groups, active).
    `name`, `number`: the convolution is name.number, its batch norm name.(number + 1)."""
    taps = {}
    x = conv(x, "features.0", 0, 32, 3, 2, 1, True)
    place = 1
    for widen, out, units, first in ROWS:
        for unit in range(units):
            at, stride = f"features.{place}.conv", first if unit == 0 else 1
            y, wide, step = x, widen * x.shape[1], 0
            if widen > 1:
                y = conv(y, f"{at}.0", 0, wide, 1, 1, 1, True)
                step = 1
            y = conv(y, f"{at}.{step}", 0, wide, 3, stride, wide, True)
            y = conv(y, at, step + 1, out, 1, 1, 1, False)
            x = x + y if stride == 1 and x.shape[1] == out else y
            if place in TAPS:
                taps[TAPS[place]] = x
            place += 1
    taps["x32"] = conv(x, f"features.{place}", 0, 1280, 1, 1, 1, True)
    return taps


def mobilenet_v2(x, book, name, padding="tensorflow"):
    def conv(t, at, number, out, kernel, stride, groups, active):
        pad = border(t, stride, padding) if kernel == 3 else 0
        t = book.conv(t, f"{name}.{at}.{number}", out, kernel, stride, pad, bias=False,
                      groups=groups)
        t = book.norm(t, f"{name}.{at}.{number + 1}", eps=1e-3 if padding == "tensorflow" else 1e-5)
        return relu6(t) if active else t
    return walk(x, conv)


def folded(path):
    """Tensors of a float16 safetensors file as float64."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        assert entry["dtype"] == "F16"
        values = numpy.frombuffer(data[8 + length + begin:8 + length + end], "<f2")
        tensors[name] = torch.from_numpy(values.astype(numpy.float64).reshape(entry["shape"]))
    return tensors


def folded_mobilenet(x, weights):
    def conv(t, at, number, out, kernel, stride, groups, active):
        weight, bias = weights[f"{at}.{number}.weight"], weights[f"{at}.{number}.bias"]
        assert weight.shape[0] == out
        if kernel == 3:
            t = F.pad(t, border(t, stride, "tensorflow"))
        t = F.conv2d(t, weight, bias, stride=stride, groups=groups)
        return relu6(t) if active else t
    return walk(x, conv)


def folded_resnet18(x, weights):
    """Without layer4, whose kernels the file lacks."""
    conv = lambda t, at, stride, pad: F.conv2d(t, weights[at + ".weight"], weights[at + ".bias"],
                                               stride=stride, padding=pad)
    taps = {}
    x = taps["x2"] = relu(conv(x, "conv1", 2, 3))
    x = max_pool(x, 3, 2, 1)
    for stage in (1, 2, 3):
        for unit in (0, 1):
            at, stride = f"layer{stage}.{unit}", 2 if unit == 0 and stage > 1 else 1
            y = conv(relu(conv(x, at + ".conv1", stride, 1)), at + ".conv2", 1, 1)
            x = relu(y + (conv(x, at + ".downsample.0", stride, 0) if stride > 1 else x))
        taps[f"x{2 ** (stage + 1)}"] = x
    return taps


def show(title, taps):
    print(f"// {title}")
    for name, tap in taps.items():
        flat = tap.reshape(-1)
        at = [int(i) for i in torch.linspace(0, flat.numel() - 1, 40)]
        at = [i for i in at if abs(flat[i]) > 0.2 * flat.abs().mean()][:4]
        values = ", ".join(f"{flat[i].item():.9g}" for i in at)
        print(f'{{"{name}", {(flat ** 2).mean().item():.9g}, {{{", ".join(map(str, at))}}}, {{{values}}}}},')


def main():
    for padding in ("tensorflow", "symmetric"):
        check("mobilenet_v2", lambda x, b: mobilenet_v2(x, b, "e", padding), (2_223_872, 34_112),
              [16, 24, 32, 96, 1280])
    assert 2_223_872 + 1000 * 1280 + 1000 == 3_504_872  # as torchvision prints it, with its classifier
    print("mobilenet_v2: counts and shapes are torchvision's")
    if len(sys.argv) < 2:
        return
    folder = pathlib.Path(sys.argv[1])
    picture = 0.5 + 0.5 * golden.wave(0.05, (1, 3, 64, 96))  # in [0,1]
    weights = folded(folder / "mobilenetv2_1.0_imagenet_keras_bnfolded_f16.safetensors")
    show("MobileNetV2", folded_mobilenet(2 * picture - 1, weights))
    weights = folded(folder / "resnet18_imagenet1k_v1_bnfolded_stem_layer123_f16.safetensors")
    mean, deviation = (torch.tensor(v, dtype=torch.float64)[None, :, None, None]
                       for v in ((.485, .456, .406), (.229, .224, .225)))
    show("ResNet-18", folded_resnet18((picture - mean) / deviation, weights))


if __name__ == "__main__":
    main()
