"""Every benchmark, one after the other: ``python benchmarks/run.py [--full] [--quick]``.

Prints the tables and writes that of storage to ``docs/benchmarks/io.md``. ``--full`` adds clouds of 10 million points,
``--quick`` takes each sample once and writes nothing.
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import bench_io

HERE = Path(__file__).resolve().parent
REPORT = HERE.parent / "docs" / "benchmarks" / "io.md"

TEXT = """# Writing and reading points

Made by `make bench` (`benchmarks/bench_io.py`) on {machine}; the stores lay on {disk}
(`TMPDIR` chooses).

*ours*, *peer* (the public package zarr-vectors 0.9.2) and *limit* write one file a cell; *default* is ours with the
layout that callers get who ask for none: shards, once there are many chunks. *limit* is the same rows sorted by numpy
and put into plain files: no metadata, no checks. Ratios compare like with like: *ours* with *peer* and *limit*.

Uniform points in 3-D, float32, two float32 attributes, 4 x 4 x 4 bins a chunk, no compressor on any side; ours writes
and verifies checksums. Seconds are CPU time (user + system), wall time in brackets: medians of {repeats} child
processes that take turns, page cache warm, opening the store included, imports not. Only the ratios mean something on
another machine; *wanted* is the least the project asks of them.

Writing to 1000 chunks makes 4000 files, which every side pays for alike and which is most of the time where the file
system is slow at it: there the ratio of peer and ours falls, and that of ours and the limit says more.

{table}
"""


def file_system(folder):
    """Name the kind of file system that a folder lies on, where the system tells."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return "a file system of unknown kind"
    rows = [line.split() for line in mounts.read_text().splitlines()]
    above = [(len(row[1]), row[2]) for row in rows if Path(folder).resolve().is_relative_to(row[1])]
    return max(above)[1]


def main(options):
    quick = "--quick" in options
    repeats = 1 if quick else 3
    table = bench_io.run(full="--full" in options, repeats=repeats)
    print("\n".join(table))
    if bench_io.peer_python() is None:
        print("\nThe peer is missing: run the interop tests once, or name its virtual environment in ZV_PEER_VENV.")
    if not quick:
        machine = (
            f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {platform.system()}"
        )
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(
            TEXT.format(
                machine=machine, disk=file_system(tempfile.gettempdir()), repeats=repeats, table="\n".join(table)
            )
        )
    plan = HERE / "bench_plan.py"
    if plan.exists():
        print(flush=True)
        command = [sys.executable, str(plan), *(["--quick"] if quick else [])]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(HERE.parent)})


if __name__ == "__main__":
    main(sys.argv[1:])
