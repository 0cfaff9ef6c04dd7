"""Times the hospital road: images in, objects made, objects out, for a CT series of a phantom.

    python3 bench/hospital.py [--binary PROGRAM] [--slices 300] [--side 512] [--threads N] [--rounds 3]

Prints one Markdown table with the limits beside it, under machine, threads, commit and load. dcmtk's
storescu and storescp are CT and PACS. What each row holds:

receive   storescu from its start to its end: every image on the disk (fsync) before its answer.
SEG, SR   `report --dicom` of a result that is there, with and without `sr`. The SEG's time holds the
          start of the program and the reading of mask and headers as well; the SR's is the difference.
send      `send` of SEG and SR, from the start of the program to its end.
predict   the whole call, without objects and with SEG and SR; the limit is on the ratio.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

CT = ["storescu", "-aet", "CT1", "-aec", "GROUNDGLASS", "+sd", "127.0.0.1"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def quiet(*words):
    return subprocess.run([str(w) for w in words], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode


def wait(happened, what, seconds=120):
    end = time.time() + seconds
    while not happened():
        if time.time() > end:
            sys.exit(f"{what} did not happen in {seconds} s")
        time.sleep(0.05)


def write_site(folder, port, pacs_port):
    folder.mkdir()
    key = folder / "key"
    key.write_text("a secret that is made for a benchmark\n")
    key.chmod(0o600)
    site = folder / "site.toml"
    site.write_text(f"""
[site]
folder = "work"
key = "key"
settle_seconds = 86400
free_mib = 0
[listener]
port = {port}
[[caller]]
ae = "CT1"
host = "127.0.0.1"
[[destination]]
name = "pacs"
ae = "PACS"
host = "127.0.0.1"
port = {pacs_port}
""")
    return site


def receive(args, scratch, series, number):
    """Seconds that storescu takes to send a series to a fresh listen."""
    port = free_port()
    site = write_site(scratch / f"site_{number}", port, free_port())
    log = open(scratch / f"site_{number}/log", "w")
    listen = subprocess.Popen([args.binary, "listen", site], stdout=log, stderr=log)
    try:
        wait(lambda: quiet("echoscu", "-aet", "CT1", "-aec", "GROUNDGLASS", "127.0.0.1", port) == 0,
             "listen")
        begin = time.perf_counter()
        if quiet(*CT, port, series) != 0:
            sys.exit("storescu was refused")
        seconds = time.perf_counter() - begin
    finally:
        listen.terminate()
        listen.wait()
    taken = len(list((site.parent / "work/series").glob("*/*.dcm")))
    if taken != len(list(series.iterdir())):
        sys.exit(f"only {taken} images were taken")
    shutil.rmtree(site.parent / "work")
    return seconds


def send(args, scratch, objects, number):
    """Seconds that `send` takes for some objects."""
    pacs_port = free_port()
    site = write_site(scratch / f"out_{number}", free_port(), pacs_port)
    shelf = scratch / f"out_{number}/pacs"
    shelf.mkdir()
    pacs = subprocess.Popen(["storescp", "-aet", "PACS", "-od", shelf, str(pacs_port)])
    try:
        wait(lambda: quiet("echoscu", "-aec", "PACS", "127.0.0.1", pacs_port) == 0, "storescp")
        begin = time.perf_counter()
        subprocess.run([args.binary, "send", *objects, "--site", site, "--to", "pacs", "-q"],
                       check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begin
    finally:
        pacs.terminate()
        pacs.wait()
    if len(list(shelf.iterdir())) != len(objects):
        sys.exit("not every object came")
    return seconds


def main():
    args = common.arguments(__doc__, slices=300, side=512)
    os.environ["TCP_NODELAY"] = "1"
    for peer in ("storescu", "storescp", "echoscu"):
        if shutil.which(peer) is None:
            sys.exit(f"{peer} is not installed (package dcmtk)")
    times = {name: [] for name in ("receive", "seg", "seg+sr", "send", "predict", "predict+")}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        common.program(args, "phantom", scratch / "ct", "--kind", "ct", "--format", "dicom",
                       "--cases", 1, "--slices", args.slices, "--side", args.side, "-q")
        series = scratch / "ct/case_000"
        out = scratch / "plain"
        for k in range(args.rounds):
            times["receive"].append(receive(args, scratch, series, k))
            for row, words in (("predict", []), ("predict+", ["--dicom", "seg,sr"])):
                folder = out if not words else scratch / "objects"
                shutil.rmtree(folder, ignore_errors=True)
                times[row].append(common.program(args, "predict", series, "-o", folder, "-q",
                                                 *words)[1])
            for row, words in (("seg", "seg"), ("seg+sr", "seg,sr")):
                begin = time.perf_counter()
                subprocess.run([args.binary, "report", out, "--dicom", words, "-q"], check=True,
                               stdout=subprocess.DEVNULL)
                times[row].append(time.perf_counter() - begin)
            objects = sorted(out.glob("*_seg.dcm")) + sorted(out.glob("*_sr.dcm"))
            times["send"].append(send(args, scratch, objects, k))
        seg_mb, sr_kb = objects[0].stat().st_size / 1e6, objects[1].stat().st_size / 1e3
    t = {row: common.median(values) for row, values in times.items()}
    rows = [
        (f"receive {args.slices} slices, fsync", f"{t['receive']:.1f} s", "4 s", t["receive"] <= 4),
        ("SEG of a result, whole call", f"{t['seg']:.2f} s, {seg_mb:.1f} MB", "1.5 s, 10 MB",
         t["seg"] <= 1.5 and seg_mb <= 10),
        ("SR besides", f"{t['seg+sr'] - t['seg']:.2f} s, {sr_kb:.0f} kB", "0.1 s, 100 kB",
         t["seg+sr"] - t["seg"] <= 0.1 and sr_kb <= 100),
        ("send SEG and SR, whole call", f"{t['send']:.2f} s", "1.5 s", t["send"] <= 1.5),
        ("predict", f"{t['predict']:.1f} s", "", None),
        ("predict --dicom seg,sr", f"{t['predict+']:.1f} s, {t['predict+'] / t['predict']:.2f} times",
         "1.3 times", t["predict+"] <= 1.3 * t["predict"]),
    ]
    print(f"{common.machine()}; {args.threads} threads; {common.commit(args)}; {args.slices} slices of "
          f"{args.side} x {args.side}; medians of {args.rounds} rounds; load {os.getloadavg()[0]:.1f}\n")
    print("| what | measured | limit | |\n|---|---|---|---|")
    for what, measured, limit, kept in rows:
        verdict = "" if kept is None else "kept" if kept else "missed"
        print(f"| {what} | {measured} | {limit} | {verdict} |")


if __name__ == "__main__":
    main()
