#!/usr/bin/env python3
"""Verifies a journal as coordinator/io/README.md defines it, without any of the product's code."""
import hashlib
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

COLUMNS = ("serial", "run", "event", "time_ms", "actor", "host", "cluster", "kind", "step",
           "number", "error", "text", "evidence")


def netstring(value):
    raw = value if isinstance(value, bytes) else str(value).encode()
    return b"%d:%s," % (len(raw), raw)


def is_signed(folder, message, signature):
    with tempfile.TemporaryDirectory() as scratch:
        files = [pathlib.Path(scratch, name) for name in ("message", "signature")]
        files[0].write_bytes(message)
        files[1].write_bytes(signature)
        return subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", folder / "audit.pub", "-rawin",
             "-in", files[0], "-sigfile", files[1]],
            stdout=subprocess.DEVNULL, check=False).returncode == 0


folder = pathlib.Path(sys.argv[1])
journal = sqlite3.connect(folder / "journal.db")
journal.text_factory = bytes
head = b"0" * 64
rows = journal.execute(f"SELECT {', '.join(COLUMNS)}, hash, signature FROM record ORDER BY serial")
for count, row in enumerate(rows, 1):
    canonical = b"".join(netstring(value) for value in row[:-2])
    head = hashlib.sha256(head + canonical).hexdigest().encode()
    assert row[0] == count and row[-2] == head, f"row {row[0]}: hash {row[-2]}, computed {head}"
    assert is_signed(folder, head, row[-1]), f"row {row[0]}: signature"
lines = (folder / "audit.head").read_bytes().splitlines(keepends=True)
assert lines[1] == b"serial %d\n" % count and lines[2] == b"hash %s\n" % head, lines
assert is_signed(folder, b"".join(lines[:3]), bytes.fromhex(lines[3].split()[1].decode())), "head"
