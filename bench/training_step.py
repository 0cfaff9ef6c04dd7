"""Training step of the paper's Attention U-Net beside python3-torch running the same network.

    python3 bench/training_step.py [--size 256] [--batch 2] [--rounds 3] [--precision fp32]

Forward, Dice loss, backward, Adam. The peer is the network as a PyTorch user would write it; before
anything is timed it loads our weights and must give our logits to 1e-4 of the largest. --peer_dropout 0 shows what
dropout costs the peer; GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.top_pad=67108864 before
the command, what keeping freed memory would give it.
"""
import json
import math
import struct
import tempfile
import time
from pathlib import Path

import common  # before torch: it chooses the kernels of OpenBLAS
import torch
from torch import nn
from torch.nn import functional as F


WIDTHS = (64, 128, 256, 512, 1024)


class SeparableConv(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.depthwise = nn.Conv2d(cin, cin, 3, padding=1, groups=cin, bias=False)
        self.pointwise = nn.Conv2d(cin, cout, 1)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class Block(nn.Module):
    def __init__(self, cin, cout, dropout):
        super().__init__()
        self.conv = SeparableConv(cin, cout)
        self.norm = nn.BatchNorm2d(cout, eps=1e-3, momentum=0.01)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(F.relu(self.norm(self.conv(x))))


class Gate(nn.Module):
    def __init__(self, skip, coarse):
        super().__init__()
        self.w_x = nn.Conv2d(skip, skip, 1, stride=2)
        self.w_g = nn.Conv2d(coarse, skip, 1)
        self.psi = nn.Conv2d(skip, 1, 1)

    def forward(self, x, g):
        a = torch.sigmoid(self.psi(F.relu(self.w_x(x) + self.w_g(g))))
        return x * F.interpolate(a, scale_factor=2, mode="bilinear", align_corners=False)


class AttentionUNet(nn.Module):
    def __init__(self, w=WIDTHS, dropout=0.2):
        super().__init__()
        deep = range(len(w) - 1, 0, -1)
        self.enc = nn.ModuleList(Block(w[i - 1] if i else 1, w[i], dropout) for i in range(len(w)))
        self.down = nn.ModuleList(nn.Conv2d(c, c, 3, stride=2) for c in w[:-1])
        self.gate = nn.ModuleList(Gate(w[i - 1], w[i]) for i in deep)
        self.up = nn.ModuleList(nn.ConvTranspose2d(w[i], w[i - 1], 3, stride=2) for i in deep)
        self.dec = nn.ModuleList(Block(2 * w[i - 1], w[i - 1], dropout) for i in deep)
        self.head = nn.Conv2d(w[0], 1, 1)

    def forward(self, x):
        skips = []
        for i, block in enumerate(self.enc):
            x = block(x if i == 0 else self.down[i - 1](F.pad(x, (0, 1, 0, 1))))
            skips.append(x)
        for i, (gate, up, dec) in enumerate(zip(self.gate, self.up, self.dec)):
            skip = skips[-2 - i]
            x = dec(torch.cat([up(x)[:, :, :-1, :-1], gate(skip, x)], 1))
        return self.head(x)


def read_safetensors(path):
    data = Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    types = {"F32": torch.float32, "I64": torch.int64}
    out = {}
    for name, info in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        out[name] = torch.frombuffer(bytearray(data[8 + size + begin:8 + size + end]),
                                     dtype=types[info["dtype"]]).reshape(info["shape"])
    return out


def dice_loss(logits, target):
    p = torch.sigmoid(logits)
    return 1 - (2 * (p * target).sum() + 1e-6) / (p.sum() + target.sum() + 1e-6)


class PeerStep:
    def __init__(self, net, batch, size, bf16):
        self.net, self.bf16 = net.train(), bf16
        self.image = torch.sin(torch.arange(batch * size * size).float() * 0.05) * 0.5 + 0.5
        self.image = self.image.reshape(batch, 1, size, size)
        self.target = (self.image > 0.9).float()
        self.adam = torch.optim.Adam(net.parameters(), lr=1e-4, eps=1e-7)

    def __call__(self):
        self.adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits = self.net(self.image)
        loss = dice_loss(logits.float(), self.target)
        loss.backward()
        self.adam.step()
        return loss.item()


def check_same_network(args, net):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ours.safetensors"
        common.program(args, "bench", "--models", "attention_unet", "--size", "64x64", "--dump", path)
        ours = read_safetensors(path)
    image, logits = ours.pop("bench/image"), ours.pop("bench/logits")
    net.load_state_dict(ours, strict=False)
    missing = set(dict(net.named_parameters())) - set(ours)
    assert not missing, missing
    with torch.no_grad():
        difference = ((net.eval()(image) - logits).abs().max() / logits.abs().max()).item()
    assert difference < 1e-4, f"the peer is another network: logits differ by {difference} of the largest"
    print(f"same network: logits differ by {difference:.1e} of the largest")


def main():
    args = common.arguments(__doc__, size=256, batch=2, repeats=3, precision="fp32",
                            peer_dropout=0.2)
    torch.set_num_threads(args.threads)
    net = AttentionUNet(dropout=args.peer_dropout)
    assert sum(p.numel() for p in net.parameters()) == 11_877_134
    check_same_network(args, net)
    step = PeerStep(net, args.batch, args.size, args.precision == "bf16")
    ours, peer = [], []
    for _ in range(args.rounds):
        rows, _ = common.program(args, "bench", "--models", "attention_unet", "--train", "--size",
                                 f"{args.size}x{args.size}", "--batch", args.batch, "--repeats",
                                 args.repeats, "--precision", args.precision, "--json")
        ours.append(rows[0]["images_per_s"])
        step()
        times = []
        for _ in range(args.repeats):
            begin = time.perf_counter()
            loss = step()
            times.append(time.perf_counter() - begin)
        assert math.isfinite(loss)
        peer.append(args.batch / common.median(times))
    a, b = common.median(ours), common.median(peer)
    common.report(args, [(f"training step, {args.precision}, {args.batch} x {args.size} x "
                          f"{args.size}, torch {torch.__version__}", a, b, "images/s", a / b)])


if __name__ == "__main__":
    main()
