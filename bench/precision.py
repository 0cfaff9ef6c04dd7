"""What bfloat16 or 8 bits cost on real slices: the same model in several precisions.

    /usr/bin/python3 bench/precision.py --data ../shared/data/ct/cases.csv --model RUN
        [--split RUN/split.json] [--list val] [--precisions fp32,bf16,int8]

Every slice of the list (`--list all`: of the table) is segmented through the plan in each precision, then
the masks are scored by `groundglass evaluate`. Prints pooled Dice by source in each precision and their
difference to the first (wanted: 0.001 at the most). int8 needs the ranges that `groundglass quantise` finds.
"""
import csv
import json
import os
import tempfile

import common


def rows_of(args):
    """The table's rows in the list of the split, with absolute paths."""
    folder = os.path.dirname(os.path.abspath(args.data))
    with open(args.data, newline="") as file:
        rows = list(csv.DictReader(file))
    if args.list != "all":
        with open(args.split or os.path.join(args.model, "split.json")) as file:
            wanted = set(json.load(file)[args.list])
        rows = [row for row in rows if os.path.splitext(row["image"])[0] in wanted]
    for row in rows:
        for column in ("image", "infection", "mask", "lung"):
            if row.get(column):
                row[column] = os.path.join(folder, row[column])
    return rows


def main():
    args = common.arguments(__doc__, data="", model="", split="", list="val", precisions="fp32,bf16")
    precisions = args.precisions.split(",")
    rows = rows_of(args)
    with tempfile.TemporaryDirectory() as out:
        table = os.path.join(out, "rows.csv")
        with open(table, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        scores = {}
        for precision in precisions:
            masks = os.path.join(out, precision)
            common.program(args, "predict", table, "-o", masks, "--model", args.model, "--precision", precision,
                           "--engine", "plan", "--plans", "none", "-q")
            document, _ = common.program(args, "evaluate", masks, table, "--json")
            scores[precision] = {"all": document["pooled"]["dice"],
                                 **{name: d["pooled"]["dice"] for name, d in document["domains"].items()}}
    print(f"{common.machine()}; {common.commit(args)}; {args.model}, {len(rows)} slices of "
          f"{len({(row.get('domain'), row.get('patient')) for row in rows})} patients ({args.list})")
    first = scores[precisions[0]]
    for name, dice in first.items():
        others = (f"{p} {scores[p][name]:.4f}, difference {scores[p][name] - dice:+.5f}" for p in precisions[1:])
        print(f"{name}: {precisions[0]} {dice:.4f}; {'; '.join(others)}")


if __name__ == "__main__":
    main()
