"""Write stores with the peer: ``python peer_write.py FOLDER``. Run by the peer's interpreter.

``FOLDER/<name>.json`` says how, ``FOLDER/<name>.npz`` what; the store becomes ``FOLDER/<name>.zv``.
"""

import json
import sys
from pathlib import Path

import numpy as np

from zarr_vectors.types.points import write_points

for spec in sorted(Path(sys.argv[1]).glob("*.json")):
    options = json.loads(spec.read_text())
    pyramid = options.pop("pyramid", None)
    with np.load(spec.with_suffix(".npz"), allow_pickle=True) as data:
        positions = data["positions"]
        attributes = {name: data[name] for name in data if name != "positions"}
    path = str(spec.with_suffix(".zv"))
    write_points(path, positions, attributes=attributes or None, dtype=positions.dtype.name, **options)
    if pyramid:
        from zarr_vectors.multiresolution.coarsen import build_pyramid

        build_pyramid(path, factors=[tuple(f) for f in pyramid])
