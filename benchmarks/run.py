"""Every benchmark, one after the other: ``python benchmarks/run.py [--full] [--quick]``.

Prints the tables and writes those of storage to ``docs/benchmarks``: ``io.md``, ``kinds.md``, ``building.md``.
``--full`` adds clouds of 10 million points, ``--quick`` takes each sample once, leaves the large ones out and writes
nothing. ``--io``, ``--kinds``, ``--pyramids`` and ``--plan`` choose some of them.
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import bench_io
import bench_kinds
import bench_pyramids

HERE = Path(__file__).resolve().parent
REPORTS = HERE.parent / "docs" / "benchmarks"

IO = """# Writing and reading points

Made by `make bench` (`benchmarks/bench_io.py`) on {machine}; the stores lay on {disk}
(`TMPDIR` chooses).

*ours*, *peer* (the public package zarr-vectors 0.9.2) and *limit* write one file a cell; *default* is ours with the
layout that callers get who ask for none: shards, once there are many chunks. *limit* is the same rows sorted by numpy
and put into plain files: no metadata, no checks. Ratios compare like with like: *ours* with *peer* and *limit*.

Uniform points in 3-D, float32, two float32 attributes, 4 x 4 x 4 bins a chunk, no compressor on any side; ours writes
and verifies checksums. Seconds are CPU time (user + system), wall time in brackets: medians of {repeats} child
processes that take turns, page cache warm, opening the store included, imports not. Only the ratios mean something on
another machine; *wanted* is the least the project asks of them.

Writing to 1000 chunks makes 4000 files, which every side pays for alike. `make bench` puts stores into memory (tmpfs)
where it can: there a file costs 10 us. On the ext4 disk of one machine of this project it cost 540 us of CPU,
which was most of what writing took on every side.

{table}
"""


KINDS = """# Writing and reading lines, graphs and meshes

Made by `make bench ARGS=--kinds` (`benchmarks/bench_kinds.py`; what each side does: `_kinds_*.py`, the data:
`_shapes.py`) on {machine}; the stores lay on {disk} (`TMPDIR` chooses).

*ours*, *peer* (the public package zarr-vectors 0.9.2) and *limit* write one file a cell into 5 x 5 x 5 chunks, without
a compressor. *limit* is numpy and plain files of the same rows and links: no metadata, no checks, no objects, and a box
finds rows only, no lines, edges or faces. Lines are random walks of 100 vertices; graph and skeletons are 200 trees of
1000 nodes; the mesh is one surface of 200 000 vertices and 400 000 faces, or 200 small ones.

Seconds are CPU time (user + system), wall time in brackets: medians of {repeats} child processes that take turns
({more} where the peer takes less than 0.4 s), page cache warm, opening the store included, imports not. Boxes are 1/64
of the volume; the time is that of one of 20 on one open store (the peer: one of 4, as it takes long). `-`: a side
cannot do it, or there is no target. Only the ratios mean something on another machine; *wanted* is what the project
asks. *memory* is what a process of ours grows by at its peak, the result of a read included, divided by the bytes of
the input (positions, links, owners): at most 2 is wanted.

{table}

{falls}
"""


PYRAMIDS = """# Building pyramids

Made by `make bench ARGS=--pyramids` (`benchmarks/bench_pyramids.py`; what each side does: `_pyramids_*.py`) on
{machine}; the stores lay on {disk} (`TMPDIR` chooses). `ARGS="--pyramids --full"` adds 10 million points.

Three levels, factors (2, 1), of uniform points with two attributes and of random walks of 100 vertices. *ours* carries
all attributes and weights. *peer* (the public package zarr-vectors 0.9.2, as it comes) writes bin centroids without
attributes and links between levels. *limit* is numpy and plain files: of points the same thinning, its cell not
searched; of lines means of what a line has in a cell, in one pass, which leaves out most of what ours does: distances,
the search of a tolerance and with it any bound of the error, links from chunk to chunk, and a store that is the old or
the new one at any time. (What is wanted of lines was set against a limit of which the peer takes 9.4 times the time.)
One file a cell, nothing is compressed.

Seconds are CPU time (user + system), wall time in brackets: medians of {repeats} child processes that take turns, page
cache warm, opening the store included, imports not. Memory is what a child of its own grows by at its peak, over the
vertices of level 0. Only the ratios mean something on another machine.

{table}

{falls}

How time (of one child) and memory grow, ours alone, chunks of about the same number of vertices:

{growth}

Segments are left out, factors (1, 2); all else is made coarser, meshes by what is installed. Points are worked on tile
by tile ([0015](../decisions/0015-pyramids-tile-by-tile.md)), kinds with objects some lines or one block at a time; what
still grows is said in [0012](../decisions/0012-pyramids.md). Up to 4 MB an array are held in any case.
"""


def file_system(folder):
    """Name the kind of file system that a folder lies on, where the system tells."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return "a file system of unknown kind"
    rows = [line.split() for line in mounts.read_text().splitlines()]
    above = [(len(row[1]), row[2]) for row in rows if Path(folder).resolve().is_relative_to(row[1])]
    return max(above)[1]


def short_of(missed):
    """Say what falls short."""
    if not missed:
        return "Everything wanted is reached."
    return "\n".join(["Short of what is wanted:", "", *(f"- {line}" for line in missed)])


def write_report(name, text, table, repeats, **more):
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {platform.system()}"
    told = {"machine": machine, "disk": file_system(tempfile.gettempdir()), "repeats": repeats}
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / name).write_text(text.format(**told, table="\n".join(table), **more))


def main(options):
    quick = "--quick" in options
    repeats = 1 if quick else 3
    parts = {"io", "kinds", "pyramids", "plan"}
    wanted = {part for part in parts if f"--{part}" in options} or parts
    if "io" in wanted:
        table = bench_io.run(full="--full" in options, repeats=repeats)
        print("\n".join(table), flush=True)
        if not quick:
            write_report("io.md", IO, table, repeats)
    if "kinds" in wanted:
        table, missed = bench_kinds.run(small=quick, repeats=repeats)
        falls = short_of(missed)
        print("\n".join(["", *table, "", falls]), flush=True)
        if not quick:
            write_report("kinds.md", KINDS, table, repeats, falls=falls, more=repeats + bench_kinds.MORE_TURNS)
    if "pyramids" in wanted:
        table, growth, missed = bench_pyramids.run(full="--full" in options, small=quick, repeats=repeats)
        falls = short_of(missed)
        print("\n".join(["", *table, "", falls, "", *growth]), flush=True)
        if not quick:
            write_report("building.md", PYRAMIDS, table, repeats, falls=falls, growth="\n".join(growth))
    if bench_io.peer_python() is None:
        print("\nThe peer is missing: run the interop tests once, or name its virtual environment in ZV_PEER_VENV.")
    plan = HERE / "bench_plan.py"
    if "plan" in wanted and plan.exists():
        print(flush=True)
        command = [sys.executable, str(plan), *(["--quick"] if quick else [])]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(HERE.parent)})


if __name__ == "__main__":
    main(sys.argv[1:])
