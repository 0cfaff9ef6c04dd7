"""Reference for U-Nets on exchangeable encoders: the decoder of Keras' segmentation models.

Written from SPEC-004 sections 1.2 and 1.4 and SPEC-SHARED section 2 before the C++. Run it with

    python3 tools/reference/encoder_unet.py

It asserts the parameter counts of the specification and writes tests/golden/unet_*.json. It never
runs at test time.
"""
import torch
import torch.nn.functional as F

import golden
from encoders import densenet121, inception_v3
from mobilenet_v2 import mobilenet_v2
from resnets import relu, resnet, resnet_preact, vgg16

ENCODERS = {
    "densenet121": densenet121,
    "inception_v3": inception_v3,
    "resnet50_preact": lambda x, book, name: resnet_preact(x, book, name, 50),
    "resnet18": lambda x, book, name: resnet(x, book, name, 18),
    "resnet34": lambda x, book, name: resnet(x, book, name, 34),
    "resnet50": lambda x, book, name: resnet(x, book, name, 50),
    "vgg16": vgg16,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v2_symmetric": lambda x, book, name: mobilenet_v2(x, book, name, "symmetric"),
}
WIDTHS = (256, 128, 64, 32, 16)


def nearest_x2(x):
    rows = torch.stack([x, x], 3).flatten(2, 3)
    return torch.stack([rows, rows], 4).flatten(3, 4)


def transposed(x, book, name, out):
    """4x4, stride 2, padding "same": zeros between the pixels, then the turned kernel."""
    n, c, h, w = x.shape
    weight = book.parameter(name + ".weight", (c, out, 4, 4))
    spread = x.new_zeros(n, c, 2 * h - 1, 2 * w - 1)
    spread[:, :, ::2, ::2] = x
    return F.conv2d(F.pad(spread, (2, 2, 2, 2)), weight.transpose(0, 1).flip(2, 3))


def block(x, skips, book, name, width, kind):
    """Twice the size, joined with the skips."""
    active = lambda t, layer: relu(book.norm(t, f"{name}.{layer}", eps=1e-3, momentum=0.01))
    conv = lambda t, layer: book.conv(t, f"{name}.{layer}", width, 3, padding=1, bias=False)
    if kind == "upsampling":
        x = torch.cat([nearest_x2(x), *skips], 1)
        x = active(conv(x, "conv1"), "norm1")
        return active(conv(x, "conv2"), "norm2")
    x = active(transposed(x, book, name + ".up", width), "up_norm")
    return active(conv(torch.cat([x, *skips], 1), "conv1"), "norm1")


def encoder_unet(encoder, kind="upsampling", widths=WIDTHS):
    def net(x, book):
        taps = ENCODERS[encoder](x, book, "encoder")
        x = taps["x32"]
        for i, width in enumerate(widths):
            stride = 16 >> i
            skips = [taps[f"x{stride}"]] if f"x{stride}" in taps else []
            x = block(x, skips, book, f"decoder.{i}", width, kind)
        return book.conv(x, "head", 1, 3, padding=1)
    return net


def frozen(net):
    """(trainable, non-trainable) when the encoder's convolutions are fixed."""
    book = golden.Book()
    with torch.no_grad():
        net(golden.wave(0.05, (1, 3, 32, 32)), book)
    fixed = sum(p.numel() for name, p in book.parameters.items()
                if name.startswith("encoder.") and p.dim() == 4)
    learnable = sum(p.numel() for p in book.parameters.values())
    return learnable - fixed, sum(v.numel() for v in book.moving.values()) + fixed


PAPER = {  # not frozen, frozen
    "densenet121": ((12_059_345, 85_632), (5_189_137, 6_955_840)),
    "inception_v3": ((29_896_689, 36_416), (8_145_553, 21_787_552)),
    "resnet50_preact": ((32_513_556, 47_558), (9_058_644, 23_502_470)),
}


# The catalog's network and keys where they are not those of the encoder's name. The image goes in as
# it is.
OPTIONS = {
    "mobilenet_v2": ("unet_mobilenet_v2", 'input_scale = "unit"'),
    "mobilenet_v2_symmetric": ("unet_mobilenet_v2",
                               'input_scale = "unit"\nencoder = "mobilenet_v2_symmetric"'),
}
# Most biases of its narrow maps have none: the next batch norm takes them away.
MOBILE_GRADIENTS = [
    "encoder.features.0.0.weight", "encoder.features.1.conv.0.1.weight",
    "encoder.features.4.conv.1.0.weight", "encoder.features.9.conv.3.weight",
    "encoder.features.13.conv.2.weight", "encoder.features.18.1.bias", "decoder.0.conv1.weight",
    "head.bias"]


def main():
    for encoder, (free, fixed) in PAPER.items():
        net = encoder_unet(encoder)
        assert golden.counts(net, 3, 32) == free, (encoder, golden.counts(net, 3, 32))
        assert frozen(net) == fixed, (encoder, frozen(net))
    for encoder in ENCODERS:
        print(f"unet_{encoder}", golden.counts(encoder_unet(encoder), 3, 32))
        model, options = OPTIONS.get(encoder, (f"unet_{encoder}", ""))
        golden.write(f"unet_{encoder}", model, options, encoder_unet(encoder), (2, 3, 64, 64),
                     MOBILE_GRADIENTS if encoder.startswith("mobilenet") else None)
    golden.write("unet_resnet34_transpose", "unet_resnet34",
                 'block = "transpose"\nwidths = [24, 20, 12, 8, 6]',
                 encoder_unet("resnet34", "transpose", (24, 20, 12, 8, 6)), (2, 3, 64, 64))


if __name__ == "__main__":
    main()
