"""Write stores with the peer: ``python peer_write.py FOLDER``. Run by the peer's interpreter.

``FOLDER/<name>.json`` says how, ``FOLDER/<name>.npz`` what; the store becomes ``FOLDER/<name>.zv``. Attributes are
arrays named ``attribute|<name>``, ``object_attribute|<name>`` and so on.
"""

import json
import sys
from pathlib import Path

import numpy as np

from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines


def table(data, what):
    return {name.removeprefix(f"{what}|"): data[name] for name in data if name.startswith(f"{what}|")}


def write(path, data, kind, groups, options):
    positions, values = data["positions"], table(data, "attribute")
    options |= {"dtype": positions.dtype.name, "vertex_attributes": values or None}
    options |= {"object_attributes": table(data, "object_attribute") or None}
    if kind in ("point_cloud", "objects", "polyline", "streamline"):
        options |= {"groups": dict(enumerate(groups)) or None}
        options |= {"group_attributes": table(data, "group_attribute") or None}
    if kind in ("point_cloud", "objects"):
        write_points(path, positions, object_ids=data.get("owner"), **options)
    elif kind == "line":
        pairs = {name: a.reshape(-1, 2, *a.shape[1:]) for name, a in values.items()}
        write_lines(path, positions.reshape(-1, 2, positions.shape[1]), **{**options, "vertex_attributes": pairs})
    elif kind in ("polyline", "streamline"):
        cuts = data["offsets"][1:-1]
        lists = {name: np.split(a, cuts) for name, a in values.items()}
        options["vertex_attributes"] = lists
        write_polylines(path, np.split(positions, cuts), geometry_type=kind, **options)
    elif kind == "mesh":
        write_mesh(path, positions, data["links"], object_ids=data.get("owner"), **options)
    else:
        links = table(data, "link_attribute")
        write_graph(path, positions, data["links"], kind=kind, link_attributes=links, object_ids=data.get("owner"),
                    **options)  # fmt: skip


for spec in sorted(Path(sys.argv[1]).glob("*.json")):
    given = json.loads(spec.read_text())
    pyramid = given.pop("pyramid", None)
    with np.load(spec.with_suffix(".npz"), allow_pickle=True) as archive:
        arrays = dict(archive)
    target = str(spec.with_suffix(".zv"))
    write(target, arrays, given.pop("kind", "point_cloud"), given.pop("groups", []), given)
    if pyramid:
        from zarr_vectors.multiresolution.coarsen import build_pyramid

        build_pyramid(target, factors=[tuple(f) for f in pyramid])
