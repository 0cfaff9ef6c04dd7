"""What bfloat16 costs on real slices: the same model in both precisions, on validation patients.

    /usr/bin/python3 bench/precision.py --data ../shared/data/ct/cases.csv --model RUN
        [--split RUN/split.json] [--list val]

Every slice of the list is segmented twice through the plan, then both sets of masks are scored by
`groundglass evaluate`. Prints pooled Dice by source in both precisions and their difference (wanted: 0.001
at the most).
"""
import csv
import json
import os
import tempfile

import common


def rows_of(args):
    """The table's rows in the list of the split, with absolute paths."""
    folder = os.path.dirname(os.path.abspath(args.data))
    with open(args.split or os.path.join(args.model, "split.json")) as file:
        wanted = set(json.load(file)[args.list])
    with open(args.data, newline="") as file:
        rows = [row for row in csv.DictReader(file) if os.path.splitext(row["image"])[0] in wanted]
    for row in rows:
        for column in ("image", "infection", "mask", "lung"):
            if row.get(column):
                row[column] = os.path.join(folder, row[column])
    return rows


def main():
    args = common.arguments(__doc__, data="", model="", split="", list="val")
    rows = rows_of(args)
    with tempfile.TemporaryDirectory() as out:
        table = os.path.join(out, "rows.csv")
        with open(table, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        scores = {}
        for precision in ("fp32", "bf16"):
            masks = os.path.join(out, precision)
            common.program(args, "predict", table, "-o", masks, "--model", args.model, "--precision", precision,
                           "--engine", "plan", "--plans", "none", "-q")
            document, _ = common.program(args, "evaluate", masks, table, "--json")
            scores[precision] = {"all": document["pooled"]["dice"],
                                 **{name: d["pooled"]["dice"] for name, d in document["domains"].items()}}
    print(f"{common.machine()}; {common.commit(args)}; {args.model}, {len(rows)} slices of "
          f"{len({(row.get('domain'), row.get('patient')) for row in rows})} patients ({args.list})")
    for name, dice in scores["fp32"].items():
        print(f"{name}: fp32 {dice:.4f}, bf16 {scores['bf16'][name]:.4f}, "
              f"difference {scores['bf16'][name] - dice:+.5f}")


if __name__ == "__main__":
    main()
