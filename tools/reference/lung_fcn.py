"""Reference for the CT lung network of the BTBDB portal, in numpy alone (float64).

Written from the notes in the weights file (layout, doubling, orientation), not from the C++: it turns
the image, not the kernels, shows the slice to five channels, and doubles by TensorFlow 1's formula
out[i] = in at i / 2. Gradients are its own. Run it with

    python3 tools/reference/lung_fcn.py

It asserts the parameter count of the file and writes tests/golden/lung_fcn.json.
"""
import json
import math
import pathlib

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
MEAN, SLICES = 0.39, 5


def shapes(widths, slices=SLICES, out=2):
    ins = [slices, *widths, *reversed(widths)]
    outs = [*widths, widths[-1], *reversed(widths[:-1]), out]
    kernels = [3] * (len(outs) - 1) + [1]
    return [(o, i, k, k) for o, i, k in zip(outs, ins, kernels)]


def closed_form(shape, k):
    count, fan_in = math.prod(shape), math.prod(shape[1:]) if len(shape) > 1 else 1
    return np.sin(0.7 * np.arange(count) + k).reshape(shape) / math.sqrt(fan_in)


def convolve(x, w, b):
    """Same size; also returns what brings the gradient back."""
    n, c, h, wide = x.shape
    r = w.shape[2] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (r, r), (r, r)))
    out = np.zeros((n, w.shape[0], h, wide)) + b[None, :, None, None]
    places = [(i, j) for i in range(w.shape[2]) for j in range(w.shape[3])]
    for i, j in places:
        out += np.einsum("oc,ncxy->noxy", w[:, :, i, j], padded[:, :, i:i + h, j:j + wide])

    def back(g):
        dw, dx = np.zeros_like(w), np.zeros_like(padded)
        for i, j in places:
            dw[:, :, i, j] = np.einsum("noxy,ncxy->oc", g, padded[:, :, i:i + h, j:j + wide])
            dx[:, :, i:i + h, j:j + wide] += np.einsum("oc,noxy->ncxy", w[:, :, i, j], g)
        return dx[:, :, r:r + h, r:r + wide], dw, g.sum((0, 2, 3))
    return out, back


def pool(x):
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(
        n, c, h // 2, w // 2, 4)
    which = blocks.argmax(-1)

    def back(g):
        out = np.zeros_like(blocks)
        np.put_along_axis(out, which[..., None], g[..., None], -1)
        return out.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(x.shape)
    return blocks.max(-1), back


def doubling(n):
    """[2n, n]: place i / 2 of the input, linear between pixels, the last one beyond the end."""
    out = np.zeros((2 * n, n))
    for i in range(2 * n):
        low, part = i // 2, i % 2 / 2
        out[i, low] += 1 - part
        out[i, min(low + 1, n - 1)] += part
    return out


def double(x):
    rows, columns = doubling(x.shape[2]), doubling(x.shape[3])
    return (np.einsum("ah,nchw,bw->ncab", rows, x, columns),
            lambda g: np.einsum("ah,ncab,bw->nchw", rows, g, columns))


def to_training(upright):
    """Rows down and columns to the left become rows to the left and columns forwards."""
    return upright[:, :, ::-1, :].transpose(0, 1, 3, 2)


def to_upright(trained):
    return trained.transpose(0, 1, 3, 2)[:, :, ::-1, :]


def run(image, weights, biases):
    """Logits, and gradients of the mean of their squares."""
    scales = (len(weights) - 1) // 2
    x = np.repeat(to_training(image) - MEAN, SLICES, axis=1)
    steps = []
    for k, (w, b) in enumerate(zip(weights, biases)):
        x, back = convolve(x, w, b)
        steps.append(("conv", back, k))
        if k == len(weights) - 1:
            break
        mask = x > 0
        x = x * mask
        steps.append(("plain", lambda g, m=mask: g * m, k))
        x, back = pool(x) if k < scales else double(x)
        steps.append(("plain", back, k))
    logits = to_upright(x)
    g = to_training(2 * logits / logits.size)
    gradients = {}
    for kind, back, k in reversed(steps):
        if kind == "plain":
            g = back(g)
        else:
            g, dw, db = back(g)
            gradients[f"conv{k + 1}.weight"], gradients[f"conv{k + 1}.bias"] = dw, db
    return logits, gradients


def main():
    assert sum(math.prod(s) + s[0] for s in shapes([16, 32, 64, 128])) == 342_226
    chosen = shapes([4, 6, 8, 10])
    names = [f"conv{k + 1}.{part}" for k in range(len(chosen)) for part in ("weight", "bias")]
    weights = [closed_form(s, 2 * k + 1) for k, s in enumerate(chosen)]
    biases = [closed_form((s[0],), 2 * k + 2) for k, s in enumerate(chosen)]
    image = np.sin(0.05 * np.arange(2 * 32 * 32)).reshape(2, 1, 32, 32)
    logits, gradients = run(image, weights, biases)

    # One gradient by differences: the ways back are our own.
    steep = np.unravel_index(np.abs(gradients["conv2.weight"]).argmax(), weights[1].shape)
    moved = [w.copy() for w in weights]
    moved[1][steep] += 1e-6
    other = run(image, moved, biases)[0]
    slope = ((other ** 2).mean() - (logits ** 2).mean()) / 1e-6
    assert abs(slope - gradients["conv2.weight"][steep]) < 1e-4 * abs(slope), slope

    flat = logits.reshape(-1)
    at = [int(i) for i in np.linspace(7, flat.size - 5, 12)]
    some = flat[at].tolist()
    golden = {"model": "lung_fcn", "options": "widths = [4, 6, 8, 10]", "image": [2, 1, 32, 32],
              "parameters": names, "scales": [], "shape": list(logits.shape), "at": at,
              "eval": {"logits": some, "mean_square": (flat ** 2).mean()},
              "train": {"logits": some, "loss": (flat ** 2).mean()}, "gradients": [], "moving": []}
    for name in [names[int(i)] for i in np.linspace(0, len(names) - 1, 8)]:
        g = gradients[name].reshape(-1)
        assert np.abs(g).max() > 1e-9, name
        places = [0, len(g) // 3, len(g) // 2, len(g) - 1]
        golden["gradients"].append({"name": name, "sum": g.sum(), "absolute": np.abs(g).sum(),
                                    "at": places, "value": g[places].tolist()})
    (GOLDEN / "lung_fcn.json").write_text(json.dumps(golden, indent=1) + "\n")
    print(f"lung_fcn: logits {np.abs(logits).mean():.4g}, loss {(flat ** 2).mean():.6g}")


if __name__ == "__main__":
    main()
