"""Building blocks of the reference networks, from elementary operations, and their golden numbers.

Written from SPEC-SHARED sections 1 and 2 and SPEC-000 section 1 alone, before the C++ was read.
Convolutions are sums of shifted slices times a matrix, so that nothing is inherited from the
library that the C++ uses; PyTorch supplies float64 arrays and differentiation. Run it with

    python3 tools/reference/blocks.py

It asserts the goldens that the specification prints, and prints the numbers that
tests/models/blocks_test.cpp holds as constants. It never runs at test time.
"""
import math

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def closed_form(k, shape):
    """The k-th parameter: element j is sin(0.7 j + k) / sqrt(fan_in), fan_in = dims 1.. ."""
    fan_in = math.prod(shape[1:]) if len(shape) > 1 else 1
    j = torch.arange(math.prod(shape), dtype=torch.float64)
    return (torch.sin(0.7 * j + k) / math.sqrt(fan_in)).reshape(shape)


def wave(step, shape):
    """An input: element j is sin(step * j)."""
    return torch.sin(step * torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape)


def pad(x, top, bottom, left, right):
    """Zeros around [N,C,H,W]."""
    n, c, h, w = x.shape
    x = torch.cat([x.new_zeros(n, c, top, w), x, x.new_zeros(n, c, bottom, w)], 2)
    h = h + top + bottom
    return torch.cat([x.new_zeros(n, c, h, left), x, x.new_zeros(n, c, h, right)], 3)


def windows(x, k, stride):
    """The valid k x k windows of [N,C,H,W] as (ky, kx, [N,C,H',W']) slices."""
    oh, ow = (x.shape[2] - k) // stride + 1, (x.shape[3] - k) // stride + 1
    for ky in range(k):
        for kx in range(k):
            yield ky, kx, x[:, :, ky:ky + (oh - 1) * stride + 1:stride,
                            kx:kx + (ow - 1) * stride + 1:stride]


def conv_valid(x, weight, bias=None, stride=1):
    """Cross-correlation, no padding; weight [F,C,k,k]."""
    y = sum(torch.einsum("nchw,fc->nfhw", part, weight[:, :, ky, kx])
            for ky, kx, part in windows(x, weight.shape[2], stride))
    return y if bias is None else y + bias[None, :, None, None]


def depthwise_valid(x, weight):
    """Each channel with its own k x k kernel; weight [C,1,k,k]."""
    return sum(part * weight[None, :, 0, ky, kx, None, None]
               for ky, kx, part in windows(x, weight.shape[2], 1))


def tf_same_pads(size, k, stride):
    """(before, after): total max((ceil(n/s)-1) s + k - n, 0), the odd one goes after."""
    total = max((math.ceil(size / stride) - 1) * stride + k - size, 0)
    return total // 2, total - total // 2


def conv_tf_same(x, weight, bias, stride):
    top, bottom = tf_same_pads(x.shape[2], weight.shape[2], stride)
    left, right = tf_same_pads(x.shape[3], weight.shape[3], stride)
    return conv_valid(pad(x, top, bottom, left, right), weight, bias, stride)


def conv_transpose_tf_same(x, weight, bias):
    """k=3 s=2: zeros between the pixels, full correlation with the turned kernel, last row and
    column cut off; weight [Cin,Cout,3,3]; [N,Cin,H,W] -> [N,Cout,2H,2W]."""
    n, c, h, w = x.shape
    rows = torch.stack([x, torch.zeros_like(x)], 3).reshape(n, c, 2 * h, w)[:, :, :2 * h - 1]
    spread = torch.stack([rows, torch.zeros_like(rows)], 4).reshape(n, c, 2 * h - 1, 2 * w)
    spread = spread[:, :, :, :2 * w - 1]
    full = conv_valid(pad(spread, 2, 2, 2, 2), weight.transpose(0, 1).flip(2, 3))  # 2h+1, 2w+1
    return full[:, :, :2 * h, :2 * w] + bias[None, :, None, None]


def separable(x, depthwise, pointwise, bias):
    """3x3 per channel without bias, then 1x1 with bias."""
    return conv_valid(depthwise_valid(pad(x, 1, 1, 1, 1), depthwise), pointwise, bias)


def bilinear_x2(x):
    """Half-pixel centres: source = (i + 0.5) / 2 - 0.5, held at the border."""
    def along(x, dim):
        size = x.shape[dim]
        source = ((torch.arange(2 * size) + 0.5) / 2 - 0.5).clamp(min=0)
        low = source.floor().long()
        high = (low + 1).clamp(max=size - 1)
        shape = [1] * x.dim()
        shape[dim] = 2 * size
        share = (source - low).reshape(shape)
        return x.index_select(dim, low) * (1 - share) + x.index_select(dim, high) * share
    return along(along(x, 2), 3)


def gate(x, g, w_x, b_x, w_g, b_g, psi, b_psi, align):
    """SPEC-000 eq. 1-2: x times sigmoid(psi relu(W_x x + W_g g + b))."""
    from_g = conv_valid(g, w_g, b_g)
    if align == "stride_x":
        mixed = conv_valid(x, w_x, b_x, stride=2) + from_g
    else:  # up_g
        mixed = conv_valid(x, w_x, b_x) + bilinear_x2(from_g)
    a = 1 / (1 + torch.exp(-conv_valid(torch.clamp(mixed, min=0), psi, b_psi)))
    return x * (bilinear_x2(a) if align == "stride_x" else a)


def cells(tensor, digits=17):
    return "{" + ", ".join(f"{v:.{digits}g}" for v in tensor.detach().reshape(-1).tolist()) + "}"


def check(got, want, name):
    assert torch.allclose(got.reshape(-1), torch.tensor(want, dtype=torch.float64), atol=1e-12), \
        (name, got)
    print("golden ok:", name)


def main():
    nine = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    zero = torch.zeros(1)
    x16 = torch.arange(1.0, 17).reshape(1, 1, 4, 4)
    check(conv_tf_same(x16, nine, zero, 2), [348, 252, 274, 175], "tf-same strided convolution")
    check(conv_valid(pad(x16, 1, 1, 1, 1), nine, zero, 2), [111, 217, 363, 573], "padding=1")
    y4 = torch.tensor([[[[1.0, 2], [3, 4]]]])
    check(conv_transpose_tf_same(y4, nine, zero),
          [1, 2, 5, 4, 4, 5, 14, 10, 10, 14, 36, 24, 12, 15, 34, 20], "tf-same transposed")
    check(bilinear_x2(y4), [1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5,
                            2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4], "bilinear x2")
    x25 = torch.arange(1.0, 26).reshape(1, 1, 5, 5)
    print("odd 5x5, stride 2, w=1..9:", cells(conv_tf_same(x25, nine, zero, 2)))
    x35 = torch.arange(1.0, 16).reshape(1, 1, 3, 5)
    print("odd 3x5, stride 2, w=1..9:", cells(conv_tf_same(x35, nine, zero, 2)))

    # Separable: two channels 2x2; depthwise w=1..18, pointwise [[1,10],[-1,2]], bias [0.5,-3].
    x = torch.arange(1.0, 9).reshape(1, 2, 2, 2)
    d = torch.arange(1.0, 19).reshape(2, 1, 3, 3)
    p = torch.tensor([[1.0, 10], [-1, 2]]).reshape(2, 2, 1, 1)
    print("separable 2x2:", cells(separable(x, d, p, torch.tensor([0.5, -3]))))

    # Gate: all weights closed, one psi bias of +100 (returns x), then ordinary ones.
    names = [(2, 2, 1, 1), (2,), (2, 3, 1, 1), (2,), (1, 2, 1, 1), (1,)]
    w = [closed_form(k + 1, s) for k, s in enumerate(names)]
    x, g = wave(0.3, (1, 2, 4, 4)), wave(0.2, (1, 3, 2, 2))
    for align in ("stride_x", "up_g"):
        check(gate(x, g, *w[:5], torch.tensor([100.0]), align), x.reshape(-1).tolist(),
              f"open gate, {align}")
        print(f"gate {align}:", cells(gate(x, g, *w, align)))

    # Transposed convolution and its gradients under sum(out * wave).
    x = wave(0.3, (2, 2, 3, 2)).requires_grad_()
    w = closed_form(1, (2, 3, 3, 3)).requires_grad_()
    b = closed_form(2, (3,)).requires_grad_()
    out = conv_transpose_tf_same(x, w, b)
    (out * wave(0.11, out.shape)).sum().backward()
    print("transposed out [0,1,:,:]:", cells(out[0, 1]))
    print("transposed d/dx:", cells(x.grad))
    print("transposed d/dw [1,2]:", cells(w.grad[1, 2]))
    print("transposed d/db:", cells(b.grad))


if __name__ == "__main__":
    main()
