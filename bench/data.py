#!/usr/bin/env python3
"""Large data: a CSV to Parquet as the server does it, and Parquet to a table in memory as a runner does it.

    cargo xtask bench data             # builds the program first
    cargo xtask bench data --gigabytes 5 --columns 50

Each step is a process of its own, so that its peak of memory is its own. Needs three times the CSV's size on the disk that
holds the temporary directory.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = 20_000  # rows that are made once and written again and again, each time with other times


def build():
    command = ["cargo", "build", "--release", "-p", "nunatak-tables", "--example", "data", "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    made = [json.loads(line).get("executable") for line in lines]
    return next(path for path in reversed(made) if path)


def write_csv(path, gigabytes, columns):
    """Sensors with four digits behind the point and a gap in every thousandth cell; time in steps of a second."""
    draw = random.Random(7)
    def row():
        return ",".join("" if draw.random() < 0.001 else f"{draw.gauss(50, 10):.4f}" for _ in range(columns))
    block = [row() for _ in range(BLOCK)]
    wanted, seconds = int(gigabytes * 1e9), 1_700_000_000
    with open(path, "w", buffering=1 << 20) as file:
        file.write("time," + ",".join(f"sensor_{i}" for i in range(columns)) + "\n")
        while file.tell() < wanted:
            file.write("".join(f"{seconds + i},{cells}\n" for i, cells in enumerate(block)))
            seconds += BLOCK


def step(program, *arguments):
    answer = subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--columns", type=int, default=10)
    arguments = parser.parse_args()
    program = build()
    with tempfile.TemporaryDirectory(prefix="nunatak-bench-") as directory:
        csv, parquet = pathlib.Path(directory) / "rows.csv", pathlib.Path(directory) / "rows.parquet"
        started = time.perf_counter()
        write_csv(csv, arguments.gigabytes, arguments.columns)
        print(f"CSV of {csv.stat().st_size / 1e9:.2f} GB written in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        converted = step(program, "convert", csv, parquet)
        read = step(program, "read", parquet)
        gigabytes = csv.stat().st_size / 1e9
        table_mb = read["rows"] * read["columns"] * 8 / 2**20
        print("| step | rows | s | rows/s | peak MB |\n|---|---|---|---|---|")
        for name, done in [("CSV to Parquet", converted), ("Parquet to a table", read)]:
            rate = done["rows"] / done["seconds"]
            print(f"| {name} | {done['rows']:,} | {done['seconds']:.1f} | {rate:,.0f} | {done['peak_mb']:,} |")
        print(f"\nCSV {gigabytes:.2f} GB, Parquet {parquet.stat().st_size / 1e9:.2f} GB, the table itself {table_mb:,.0f} MB")


if __name__ == "__main__":
    main()
