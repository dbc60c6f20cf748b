"""Cuts a file into parts that a transfer allows. usage: split.py FILE PREFIX FIRST LAST"""

import sys
from pathlib import Path

PART = 15 * 1024 * 1024 + 512 * 1024  # bytes


def main(file: str, prefix: str, first: str, last: str) -> None:
    data = Path(file).read_bytes()
    count = -(-len(data) // PART)
    for i in range(int(first), min(int(last) + 1, count)):
        Path(f"{prefix}.{i:02d}").write_bytes(data[i * PART : (i + 1) * PART])
    print(f"{len(data)} bytes in {count} parts")


if __name__ == "__main__":
    main(*sys.argv[1:])
