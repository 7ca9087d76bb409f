"""The rows: those of the shuttle."""
import csv
import random
import struct

from _common import ROOT

DATA = ROOT / "examples" / "data" / "shuttle.csv"


def read():
    with open(DATA) as file:
        reader = csv.reader(file)
        header = next(reader)
        return header[:-1], [[float(cell) for cell in row[:-1]] for row in reader]


def samples(rows, size, count):
    """`count` questions of `size` rows each, the same ones every time."""
    draw = random.Random(7)
    return [[rows[draw.randrange(len(rows))] for _ in range(size)] for _ in range(count)]


def write_raw(rows, path):
    """As the timing program of the detectors reads it: little-endian floats, row after row."""
    flat = [value for row in rows for value in row]
    path.write_bytes(struct.pack(f"<{len(flat)}d", *flat))
