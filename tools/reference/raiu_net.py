"""Reference for RAIU-Net and CHS-Net of system 001, float64.

Written from SPEC-001 sections 1 and 2 and SPEC-SHARED sections 1 and 2, before the C++ was written.
Spectral pooling follows its definition (transform, keep the middle, transform back, real part), with
the sums of the discrete Fourier transform spelled out. Run it with

    python3 tools/reference/raiu_net.py

It asserts the golden numbers and parameter counts of the specification, prints the numbers that
tests/models/spectral_pool_test.cpp and raiu_blocks_test.cpp hold as constants, and writes
tests/golden/raiu_net_*.json and chs_net_*.json. It never runs at test time.
"""
import math

import torch
import torch.nn.functional as F

import golden
from blocks import bilinear_x2, cells, check, wave

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

EPS, MOMENTUM = 1e-3, 0.01  # Keras: 1e-3 and 0.99


def middle(size, kept):
    """Frequencies -size/2 .. of a centred spectrum, and those of its middle `kept`."""
    first = size // 2 - kept // 2
    return (torch.arange(size) - size // 2)[first:first + kept]


def spectral_pool(x, h, w, scale="preserve_mean"):
    """[..,H,W] -> [..,h,w]: unitary DFT, middle of the centred spectrum, unitary inverse, real."""
    H, W = x.shape[-2:]
    # X[k,l] = sum_ij x[i,j] exp(-2 pi i (k i / H + l j / W)) / sqrt(HW), for the kept k, l only:
    # dropping the others is the crop.
    k, l = middle(H, h), middle(W, w)

    def turns(frequency, size, sign):
        angle = frequency[:, None] * torch.arange(size)[None, :] / size
        return torch.exp(sign * 2j * math.pi * angle) / math.sqrt(size)

    spectrum = torch.einsum("ki,...ij,lj->...kl", turns(k, H, -1), x.to(torch.complex128),
                            turns(l, W, -1))
    y = torch.einsum("ka,...kl,lb->...ab", turns(k, h, 1), spectrum, turns(l, w, 1)).real
    return y * math.sqrt(h * w / (H * W)) if scale == "preserve_mean" else y


def max_pool_valid(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).amax((3, 5))


def max_pool_same(x):
    """2x2, stride 1, one row of -inf below and one column to the right."""
    x = F.pad(x, (0, 1, 0, 1), value=-math.inf)
    return torch.stack([x[..., :-1, :-1], x[..., :-1, 1:], x[..., 1:, :-1], x[..., 1:, 1:]]).amax(0)


class Raiu:
    """A network as options and parts; `book` keeps its parameters."""

    DEFAULTS = dict(widths=[20, 40, 80, 160, 320], out_channels=1, block="rib", pool="hybrid",
                    skip="spectral_attention", branch="full", merge="conv", bottleneck="rib",
                    depth_fusion="conv", map_activation="sigmoid", upsampling="nearest",
                    spectral_scale="preserve_mean", spectral_relu=True)

    def __init__(self, prefix="", **options):
        assert set(options) <= set(self.DEFAULTS)
        self.__dict__.update({**self.DEFAULTS, **options})
        self.prefix = prefix

    def __call__(self, x, book):
        self.book = book
        p, w = self.prefix, self.widths
        maps = []
        for i, width in enumerate(w):
            if i > 0:
                x = self.hybrid_pool(x, f"{p}pool.{i - 1}", x.shape[1], "valid")
            x = self.block_of(x, f"{p}enc.{i}", width, last=i == len(w) - 1)
            maps.append(x)
        for i, scale in enumerate(reversed(range(len(w) - 1))):
            up = self.transposed(x, f"{p}up.{i}", w[scale])
            skip = maps[scale]
            if self.skip == "spectral_attention":
                skip = self.spectral_attention(skip, maps[scale + 1], f"{p}skip.{i}")
            x = self.block_of(torch.cat([up, skip], 1), f"{p}dec.{i}", w[scale])
        return book.conv(x, f"{p}head", self.out_channels, 1)

    def norm(self, x, name):
        return self.book.norm(x, name, EPS, MOMENTUM)

    def separable(self, x, name, out, kernel):
        x = self.book.conv(x, name + ".depthwise", x.shape[1], kernel, padding=kernel // 2,
                           bias=False, groups=x.shape[1])
        return self.book.conv(x, name + ".pointwise", out, 1)

    def transposed(self, x, name, out):
        """2x2, stride 2: each pixel becomes a 2x2 patch. weight [in,out,2,2]."""
        weight = self.book.parameter(name + ".weight", (x.shape[1], out, 2, 2))
        bias = self.book.parameter(name + ".bias", (out,))
        n, _, h, w = x.shape
        y = torch.einsum("nchw,cokl->nohkwl", x, weight).reshape(n, out, 2 * h, 2 * w)
        return y + bias[None, :, None, None]

    def hybrid_pool(self, x, name, out, padding):
        largest = max_pool_valid(x) if padding == "valid" else max_pool_same(x)
        if self.pool == "max":
            return largest
        spectral = spectral_pool(x, *largest.shape[-2:], self.spectral_scale)
        if self.spectral_relu:
            spectral = torch.relu(spectral)
        return self.book.conv(torch.cat([largest, spectral], 1), name + ".mix", out, 1)

    def inception(self, x, name, r):
        b = r // 3 if self.branch == "third" else r
        parts = [torch.relu(self.norm(self.separable(x, f"{name}.conv{k}", b, k), f"{name}.norm{k}"))
                 for k in (1, 3, 5)]
        pool_out = b if self.branch == "third" else x.shape[1]
        pooled = self.hybrid_pool(x, f"{name}.pool", pool_out, "same")
        parts.append(torch.relu(self.norm(pooled, f"{name}.norm_pool")))
        x = torch.cat(parts, 1)
        if self.merge == "sep":
            return self.separable(x, f"{name}.merge", r, 1)
        return torch.relu(self.norm(self.book.conv(x, f"{name}.merge", r, 1), f"{name}.norm_merge"))

    def block_of(self, x, name, r, last=False):
        if self.block == "plain":
            for i in (1, 2):
                x = self.book.conv(x, f"{name}.conv{i}", r, 3, padding=1)
                x = torch.relu(self.norm(x, f"{name}.norm{i}"))
            return x
        y = self.inception(x, f"{name}.inception1", r)
        if not (last and self.bottleneck == "single"):
            y = self.inception(y, f"{name}.inception2", r)
        return y + self.norm(self.separable(x, f"{name}.shortcut", r, 3), f"{name}.norm_shortcut")

    def depth_attention(self, f, name):
        q = f.shape[1]
        v = spectral_pool(f, 1, 1, "preserve_mean")
        v = torch.relu(self.book.conv(v, name + ".squeeze", q // 2, 1))
        a = torch.relu(self.book.conv(v, name + ".excite", q, 1))
        f = a * f
        if self.depth_fusion == "conv":
            f = self.book.conv(f, name + ".fuse_depth", q, 1)
        return torch.relu(self.norm(f, name + ".norm_depth"))

    def spectral_attention(self, fine, coarse, name):
        q, p = fine.shape[1], coarse.shape[1]
        deep = self.depth_attention(fine, name)
        both = (self.book.conv(deep, name + ".from_fine", p, 2, stride=2) +
                self.book.conv(coarse, name + ".from_coarse", p, 1))
        gamma = torch.relu(self.norm(both, name + ".norm_map"))
        a = self.book.conv(gamma, name + ".map", 1, 1)
        a = torch.sigmoid(a) if self.map_activation == "sigmoid" else torch.relu(a)
        if self.upsampling == "nearest":
            a = a.repeat_interleave(2, 2).repeat_interleave(2, 3)
        else:
            a = bilinear_x2(a)
        fused = self.book.conv(a * deep, name + ".fuse", q, 1)
        return torch.relu(self.norm(fused, name + ".norm_fuse"))


def chs(lung, infection, gate, threshold):
    """The second network sees the image where the first one sees lungs."""
    first, second = Raiu("lung.", **lung), Raiu("infection.", **infection)

    def net(x, book):
        p = torch.sigmoid(first(x, book))
        seen = p if gate == "soft" else (p > threshold).to(x.dtype).detach()
        if gate == "hard":
            assert 0.2 < seen.mean() < 0.8, "the gate is all open or all shut"
            assert (p - threshold).abs().min() > 1e-5, "float32 may fall on the other side"
        return second(x * seen, book)
    return net


def keras_count(**options):
    side = 2 ** len(options.get("widths", Raiu.DEFAULTS["widths"]))
    return golden.counts(Raiu(**options), 1, side)


def toml(**options):
    words = {True: "true", False: "false"}
    lines = []
    for key, value in options.items():
        if isinstance(value, bool):
            value = words[value]
        elif isinstance(value, str):
            value = f'"{value}"'
        lines.append(f"{key} = {value}")
    return "\n".join(lines) + "\n"


def check_counts():
    doubled = lambda b, n: [b << i for i in range(n)]
    third = dict(widths=doubled(64, 4), branch="third", bottleneck="single", depth_fusion="none")
    assert keras_count() == (4_022_924, 22_602)
    assert keras_count(widths=doubled(16, 5)) == (2_591_982, 18_082)
    assert sum(keras_count(widths=doubled(16, 5), skip="plain")) == 2_277_540
    assert sum(keras_count(widths=doubled(24, 5))) == 5_794_172
    assert sum(keras_count(widths=doubled(32, 5))) == 10_231_016
    assert sum(keras_count(widths=doubled(40, 4))) == 4_007_155
    assert sum(keras_count(**third)) == 4_203_777
    assert sum(keras_count(widths=[32, 48, 72, 108, 162, 243])) == 4_157_609
    print("counts ok; (trainable, moving) of the catalog:")
    bu = dict(widths=doubled(64, 5), block="plain", pool="max", skip="plain")
    for name, options in {"raiu_net": {}, "raiu_net_16": dict(widths=doubled(16, 5)),
                          "raiu_net_64_third": third,
                          "raiu_net_x1_5": dict(widths=[32, 48, 72, 108, 162, 243]),
                          "raiu_net_bu": bu, "raiu_net_rib": dict(pool="max", skip="plain"),
                          "raiu_net_rib_hp": dict(skip="plain")}.items():
        print("  ", name, keras_count(**options))
    book = golden.Book()
    with torch.no_grad():
        Raiu()(wave(0.05, (1, 1, 16, 16)), book)
    parts = {}
    for name, value in book.parameters.items():
        part = ".".join(name.split(".")[:2]) if not name.startswith("head") else "head"
        parts[part] = parts.get(part, 0) + value.numel()
    print("   parts:", parts)


def check_spectral():
    x = torch.arange(16.0).reshape(4, 4)
    check(spectral_pool(x, 2, 2), [5, 6, 9, 10], "spectral 4x4 to 2x2, mean kept")
    check(spectral_pool(x, 2, 2, "unitary"), [10, 12, 18, 20], "spectral 4x4 to 2x2, unitary")
    check(spectral_pool(x, 1, 1), [7.5], "spectral to 1x1")
    check(spectral_pool(x, 1, 1, "unitary"), [30], "spectral to 1x1, unitary")
    i = torch.arange(8.0)
    cosine = torch.cos(2 * math.pi * (i[:, None] + 2 * i[None, :]) / 8)
    row, none = [.5, -.5, .5, -.5], [0.0] * 4
    check(spectral_pool(cosine, 4, 4), row + none + [-v for v in row] + none, "spectral cosine")
    y = wave(0.3, (2, 3, 6, 10))
    check(spectral_pool(y, 6, 10), y.reshape(-1).tolist(), "spectral, same size")
    x = wave(0.3, (1, 1, 6, 10)).requires_grad_()
    y = spectral_pool(x, 4, 2)
    (y * wave(0.11, y.shape)).sum().backward()
    print("wave 6x10 to 4x2:", cells(y))
    print("its d/dx, first row:", cells(x.grad[0, 0, 0]))
    print("wave 9x7 to 5x3:", cells(spectral_pool(wave(0.3, (1, 1, 9, 7)), 5, 3)))


def print_blocks():
    """Blocks at closed-form weights, evaluation mode."""
    def shown(title, net, *shapes):
        book = golden.Book()
        inputs = [wave(0.3 - 0.1 * i, s) for i, s in enumerate(shapes)]
        y = net(book, *inputs)
        print(title, list(book.parameters), list(y.shape), "scales", book.scales)
        print("   ", cells(y.reshape(-1)[::max(1, y.numel() // 8)][:8]))

    def part(options, run):
        def net(book, *inputs):
            raiu = Raiu(**options)
            raiu.book = book
            return run(raiu, *inputs)
        return net
    shown("inception", part({}, lambda r, x: r.inception(x, "b", 4)), (1, 3, 4, 6))
    shown("residual", part({}, lambda r, x: r.block_of(x, "b", 4)), (1, 3, 4, 6))
    for key, value in (("map_activation", "sigmoid"), ("map_activation", "relu"),
                       ("upsampling", "bilinear"), ("depth_fusion", "none")):
        shown(f"attention {key}={value}",
              part({key: value}, lambda r, a, b: r.spectral_attention(a, b, "b")),
              (1, 4, 4, 8), (1, 6, 2, 4))


def telling(net, image, count=10):
    """Parameters spread over the network whose gradient in training is not zero: that of a bias
    before batch norm is, and so is everything behind the shut gate of a cascade."""
    book = golden.Book()
    book.training = True
    (net(wave(0.05, image), book) ** 2).mean().backward()
    names = [n for n, p in book.parameters.items()
             if p.grad is not None and p.grad.abs().sum() > 1e-9]
    return [names[i * (len(names) - 1) // (count - 1)] for i in range(count)]


def write(name, model, words, net, image):
    golden.write(name, model, toml(**words), net, image, telling(net, image))


def write_goldens():
    tiny = dict(widths=[3, 4, 6])
    stages = {
        "bu": dict(block="plain", pool="max", skip="plain"),
        "rib": dict(pool="max", skip="plain"),
        "rib_hp": dict(skip="plain"),
        "ssd": {},
        "sep": dict(merge="sep", spectral_scale="unitary", spectral_relu=False),
        "relu_bilinear": dict(map_activation="relu", upsampling="bilinear", out_channels=2),
        "third": dict(widths=[6, 9, 13], branch="third", bottleneck="single", depth_fusion="none"),
    }
    for stage, options in stages.items():
        options = {**tiny, **options}
        words = dict(options)
        if "spectral_relu" in words:
            words["spectral_activation"] = "relu" if words.pop("spectral_relu") else "none"
        write(f"raiu_net_{stage}", "raiu_net", words, Raiu(**options), (2, 1, 16, 24))
    for gate in ("hard", "soft"):
        lung = dict(widths=[4, 6, 8], merge="sep", skip="plain")
        infection = dict(widths=[4, 5], merge="sep")
        words = {"gate": gate, "threshold": 0.6}
        for prefix, options in (("lung_", lung), ("infection_", infection)):
            words.update({prefix + key: value for key, value in options.items()})
        write(f"chs_net_{gate}", "chs_net", words, chs(lung, infection, gate, 0.6), (2, 1, 16, 16))


if __name__ == "__main__":
    check_spectral()
    check_counts()
    print_blocks()
    write_goldens()
