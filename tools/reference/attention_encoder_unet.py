"""Reference for the attention U-Net with a VGG-16 encoder (SPEC-001, Table 3, "AU-Net+VGG16"),
float64. Gate and concatenation are written with blocks.py's elementary operations. Run it with

    python3 tools/reference/attention_encoder_unet.py

It asserts the parameter counts, shows which layouts the table's 21.7 M (without gates) and 22 M
allow, and writes tests/golden/attention_unet_vgg16*.json and unet_vgg16_full.json.
"""
import torch

from blocks import bilinear_x2, conv_valid
from golden import counts, write

BLOCKS = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]  # width and convolutions, Table 1 D


def relu(x):
    return torch.clamp(x, min=0)


def pool(x):
    pixels = [x[:, :, a::2, b::2] for a in range(2) for b in range(2)]
    return torch.maximum(torch.maximum(pixels[0], pixels[1]),
                         torch.maximum(pixels[2], pixels[3]))


def vgg16(x, book, name):
    """Maps after the last ReLU of each block; places are counted as torchvision does: convolution,
    ReLU, ..., pooling."""
    maps, place = [], 0
    for b, (width, convolutions) in enumerate(BLOCKS):
        if b > 0:
            x = pool(x)
            place += 1
        for _ in range(convolutions):
            x = relu(book.conv(x, f"{name}.features.{place}", width, 3, padding=1))
            place += 2
        maps.append(x)
    return maps


def pointwise(x, book, name, out, stride=1):
    weight = book.parameter(f"{name}.weight", (out, x.shape[1], 1, 1))
    return conv_valid(x, weight, book.parameter(f"{name}.bias", (out,)), stride)


def gate(x, g, book, name, align):
    c = x.shape[1]
    if align == "stride_x":
        mixed = pointwise(x, book, f"{name}.w_x", c, 2) + pointwise(g, book, f"{name}.w_g", c)
    else:
        mixed = (pointwise(x, book, f"{name}.w_x", c)
                 + bilinear_x2(pointwise(g, book, f"{name}.w_g", c)))
    a = 1 / (1 + torch.exp(-pointwise(relu(mixed), book, f"{name}.psi", 1)))
    return x * (bilinear_x2(a) if align == "stride_x" else a)


def doubled(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def network(classes=1, align="stride_x", gates="additive"):
    def net(x, book):
        maps = vgg16(x, book, "encoder")
        x = maps[-1]
        for i in range(4):
            skip = maps[3 - i]
            kept = skip if gates == "none" else gate(skip, x, book, f"gate.{i}", align)
            x = torch.cat([doubled(x), kept], 1)
            x = book.conv(x, f"dec.{i}.conv", skip.shape[1], 3, padding=1, bias=False)
            x = relu(book.norm(x, f"dec.{i}.norm"))
        return pointwise(x, book, "head", classes)
    return net


def decoder(convolutions, transposed):
    """Learnable parameters of decoders on VGG-16 down to conv5_3, without gates."""
    total, w = 65, [512, 512, 256, 128, 64]
    for deep, skip in zip(w, w[1:]):
        up = skip if transposed else deep
        total += 4 * deep * up + up if transposed else 0
        total += 9 * (up + skip) * skip + (convolutions - 1) * 9 * skip * skip
        total += 2 * skip * convolutions  # batch norm
    return total


def main():
    encoder = counts(lambda x, book: vgg16(x, book, "e"), 3, 16)[0]
    assert encoder == 14_714_688
    for convolutions in (1, 2):
        for transposed in (False, True):
            print(f"U-Net on VGG-16, {convolutions} convolutions, transposed {transposed}: "
                  f"{encoder + decoder(convolutions, transposed)}")
    assert int((encoder + decoder(1, False)) / 1e5) == 217  # the table's 21.7 M
    whole = counts(network(), 3, 16)
    print("attention_unet_vgg16", whole)
    assert int(whole[0] / 1e6) == 22  # the table's 22 M
    plain = counts(network(gates="none"), 3, 16)
    print("unet_vgg16_full", plain)
    assert plain[0] == encoder + decoder(1, False)
    write("unet_vgg16_full", "unet_vgg16_full", "in_channels = 1", network(gates="none"), image=(2, 1, 32, 32),
          gradients=["encoder.features.0.weight", "encoder.features.28.weight", "dec.0.conv.weight",
                     "dec.3.norm.weight", "head.bias"])
    write("attention_unet_vgg16", "attention_unet_vgg16", "", network(), image=(2, 3, 32, 32))
    write("attention_unet_vgg16_up_g", "attention_unet_vgg16",
          'in_channels = 1\nout_channels = 3\ngate_align = "up_g"',
          network(3, "up_g"), image=(2, 1, 32, 32),
          gradients=["encoder.features.0.weight", "encoder.features.12.weight",
                     "gate.0.w_x.weight", "gate.1.psi.bias", "dec.2.conv.weight", "head.bias"])


if __name__ == "__main__":
    main()
