"""Reference for SegNet and A-SegNet of system 002, float64, from elementary operations.

Written from SPEC-002 sections 1 and 2 before the C++. Pooling and unpooling are written with
slices and comparisons, bilinear stretching with blocks.bilinear_x2. Run it with

    python3 tools/reference/segnet.py

It asserts the parameter counts of the specification, writes tests/golden/segnet_*.json and
tests/golden/a_segnet_*.json, and prints the constants of tests/models/segnet_test.cpp.
"""
import torch

from blocks import bilinear_x2, cells, closed_form, conv_valid, wave
from golden import counts, write

VGG16 = dict(widths=(64, 128, 256, 512, 512), convolutions=(2, 2, 3, 3, 3))


def depth(d, width=64):
    return dict(widths=(width,) * d, convolutions=(2,) * d)


def quarters(x):
    """The four pixels of each 2x2 window, in reading order."""
    return [x[:, :, 0::2, 0::2], x[:, :, 0::2, 1::2], x[:, :, 1::2, 0::2], x[:, :, 1::2, 1::2]]


def pool(x):
    """Maximum of each 2x2 window and which of its four pixels it is: the first of equal ones."""
    first, *rest = quarters(x)
    best, place = first, torch.zeros_like(first, dtype=torch.long)
    for k, candidate in enumerate(rest, start=1):
        higher = candidate > best
        best = torch.where(higher, candidate, best)
        place = torch.where(higher, torch.full_like(place, k), place)
    return best, place


def unpool(x, place):
    """Each value back to its place in the 2x2 window, zeros elsewhere."""
    n, c, h, w = x.shape
    kept = [torch.where(place == k, x, torch.zeros_like(x)) for k in range(4)]
    rows = [torch.stack(kept[2 * r:2 * r + 2], 4).reshape(n, c, h, 2 * w) for r in range(2)]
    return torch.stack(rows, 3).reshape(n, c, 2 * h, 2 * w)


def conv_norm(x, book, stage, k, out, relu=True):
    x = book.norm(book.conv(x, f"{stage}.conv{k}", out, 3, padding=1, bias=False),
                  f"{stage}.norm{k}")
    return torch.clamp(x, min=0) if relu else x


def coefficients(x, g, book, name, form):
    """sigmoid(psi(relu(score))), the score by form; SPEC-002 section 2."""
    c = x.shape[1]
    from_g = bilinear_x2(book.conv(g, f"{name}.w_g", c, 1))
    score = {"multiplicative": lambda: x * from_g,
             "gated_g_only": lambda: from_g,
             "oktay_mult": lambda: book.conv(x, f"{name}.w_x", c, 1, bias=False) * from_g}[form]()
    return 1 / (1 + torch.exp(-book.conv(torch.clamp(score, min=0), f"{name}.psi", 1, 1)))


def segnet(widths, convolutions, classes=2, form=None, fuse="concat", head="matlab", relu=True):
    """The network as a function of (image, book). form None: no attention."""
    def net(x, book):
        deep = len(widths)
        skips, places = [], []
        for i in range(deep):
            for k in range(1, convolutions[i] + 1):
                x = conv_norm(x, book, f"enc.{i}", k, widths[i])
            skips.append(x)
            x, place = pool(x)
            places.append(place)
        for i in range(deep):  # coarsest first
            s = deep - 1 - i
            up = unpool(x, places[s])
            if form:
                kept = skips[s] * coefficients(skips[s], x, book, f"gate.{i}", form)
                up = torch.cat([up, kept], 1) if fuse == "concat" else up + kept
            x = up
            to = [widths[s]] * (convolutions[s] - 1) + ([widths[s - 1]] if s > 0 else [])
            for k, out in enumerate(to, start=1):
                x = conv_norm(x, book, f"dec.{i}", k, out, relu)
        x = book.conv(x, "head.conv", classes, 3, padding=1, bias=False)
        if head == "matlab":
            x = torch.clamp(book.norm(x, "head.norm"), min=0)
        return x
    return net


def learnable(channels, **how):
    """Counted at full width on the smallest image."""
    return counts(segnet(**how), channels, 2 ** len(how["widths"]))


def check_counts():
    for expected, channels, how in [
            (29_436_228, 3, VGG16), (29_435_076, 1, VGG16),
            (519_748, 1, depth(4)), (667_716, 1, depth(5)),
            (35_541_065, 1, dict(VGG16, form="multiplicative")),
            (30_048_329, 1, dict(VGG16, form="multiplicative", fuse="add")),
            (35_542_217, 3, dict(VGG16, form="multiplicative")),
            (873_161, 1, dict(depth(5), form="multiplicative")),
            (688_841, 1, dict(depth(5), form="multiplicative", fuse="add"))]:
        found, moving = learnable(channels, **how)
        assert found == expected, (found, expected, how)
        print(f"learnable {found}, moving {moving}: {channels} channels, {how}")


def print_gate():
    """Constants of the block's own test: parameters by blocks.closed_form in this order."""
    x, g = wave(0.3, (1, 2, 4, 4)), wave(0.2, (1, 2, 2, 2))
    w_g, b_g = closed_form(1, (2, 2, 1, 1)), closed_form(2, (2,))
    psi, b_psi, w_x = closed_form(3, (1, 2, 1, 1)), closed_form(4, (1,)), closed_form(5, (2, 2, 1, 1))
    from_g = bilinear_x2(conv_valid(g, w_g, b_g))
    for form, score in [("multiplicative", x * from_g), ("gated_g_only", from_g),
                        ("oktay_mult", conv_valid(x, w_x) * from_g)]:
        a = 1 / (1 + torch.exp(-conv_valid(torch.clamp(score, min=0), psi, b_psi)))
        print(form, cells(a))


def main():
    check_counts()
    print_gate()
    small = dict(widths=(6, 6, 6), convolutions=(2, 2, 2))
    lines = "widths = [6, 6, 6]\nconvolutions = [2, 2, 2]\n"
    write("segnet_depth3", "segnet", lines, segnet(**small))
    write("segnet_plain_head", "segnet",
          lines + 'head = "plain"\ndecoder_activation = "none"\nout_channels = 3',
          segnet(**small, classes=3, head="plain", relu=False))
    thin = dict(widths=(4, 6, 8, 10, 10), convolutions=(2, 2, 3, 3, 3))
    thin_lines = "in_channels = 3\nwidths = [4, 6, 8, 10, 10]\nconvolutions = [2, 2, 3, 3, 3]\n"
    write("segnet_vgg16_3_channels", "segnet", thin_lines, segnet(**thin), image=(2, 3, 64, 64))
    write("a_segnet_vgg16_3_channels", "a_segnet", thin_lines,
          segnet(**thin, form="multiplicative"), image=(2, 3, 64, 64))
    for form in ("multiplicative", "gated_g_only", "oktay_mult"):
        for fuse in ("concat", "add"):
            write(f"a_segnet_{form}_{fuse}", "a_segnet",
                  lines + f'gate = "{form}"\nfuse = "{fuse}"', segnet(**small, form=form, fuse=fuse))


if __name__ == "__main__":
    main()
