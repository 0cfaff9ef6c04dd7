"""Small trainings on a phantom, and what their finished files hold: for the tools that disturb the
program and look whether anything was damaged."""
import gzip
import hashlib
import json
import struct
import zlib

RECIPE = """[preprocess]
window_hu = [-1000, 400]
size = [32, 32]
[split]
folds = 2
[model]
name = "attention_unet"
widths = [4, 8, 8]
batch_norm_momentum = 0.1
[loss]
terms = [{name = "dice", weight = 0.5}, {name = "tversky", weight = 0.5}]
[train]
epochs = 4
batch_size = 4
learning_rate = 1e-2
monitor = "soft_dice"
schedule = "cosine"
checkpoint_minutes = 0
"""
SEARCH = """[search]
title = "Rates"
recipe = "r.toml"
trials = 3
epochs = 2
[[parameter]]
key = "train.learning_rate"
values = [1e-3, 3e-2, 1e-2]
"""
STUDY = """[study]
title = "Two losses"
[[row]]
name = "both"
recipe = "r.toml"
[[row]]
name = "Dice alone"
recipe = "r.toml"
set = ['loss.terms=[{name="dice"}]']
"""


def whole(path):
    """Reads a file to its end; raises for what is damaged."""
    name, data = path.name, path.read_bytes()
    if name.endswith(".json"):
        json.loads(data)
    elif name.endswith(".gz"):
        gzip.decompress(data)
    elif name.endswith(".png"):
        if data[:8] != b"\x89PNG\r\n\x1a\n" or data[-8:-4] != b"IEND":
            raise ValueError("no whole PNG")
        at = 8
        while at < len(data):
            length = struct.unpack(">I", data[at:at + 4])[0]
            crc = struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0]
            if zlib.crc32(data[at + 4:at + 8 + length]) != crc:
                raise ValueError("a chunk has another checksum")
            at += 12 + length
    elif name.endswith(".safetensors"):
        length = struct.unpack("<Q", data[:8])[0]
        head = json.loads(data[8:8 + length])
        ends = [t["data_offsets"][1] for key, t in head.items() if key != "__metadata__"]
        if max(ends, default=0) + 8 + length != len(data):
            raise ValueError("tensors are cut off")
    elif name.endswith(".csv") and data and not data.endswith(b"\n"):
        raise ValueError("the last line is cut off")


def damage(folder):
    """A line for each finished file that cannot be read to its end."""
    lines = []
    for path in finished(folder):
        try:
            whole(path)
        except Exception as problem:  # whatever a reader says of a damaged file
            lines.append(f"{path.relative_to(folder)}: {problem}")
    return lines


def finished(folder):
    """Files that bear their own name: neither temporary ones nor sets being made."""
    return [p for p in folder.rglob("*")
            if p.is_file() and ".tmp-" not in p.name and not p.name.endswith(".partial")]


def bits(path):
    """What must be equal: of weights the tensors alone, since their notes name the folder."""
    data = path.read_bytes()
    if path.suffix == ".safetensors":
        length = struct.unpack("<Q", data[:8])[0]
        head = json.loads(data[8:8 + length])
        head.pop("__metadata__", None)
        data = json.dumps(head, sort_keys=True).encode() + data[8 + length:]
    return hashlib.sha256(data).hexdigest()


def digests(folder, patterns):
    files = sorted({p for pattern in patterns for p in folder.glob(pattern) if p.is_file()})
    return {str(p.relative_to(folder)): bits(p) for p in files}
