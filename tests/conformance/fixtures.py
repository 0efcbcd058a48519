"""The fourteen stores that zarr-vectors 0.9.2 wrote, and what each was made from.

Beside each store lie the data that its writer was given: ``*.expected.npz``, with ``/`` in keys written as ``|``, and
``*.expected.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests import geometries as geo

NAMES = {
    "s01": "points2d_plain", "s02": "points3d_full", "s03": "lines3d_attrs", "s04": "lines2d_plain",
    "s05": "polylines3d", "s06": "streamlines3d_pyramid", "s07": "skeleton3d", "s08": "graph2d", "s09": "mesh3d",
    "s10": "points3d_sharded_zstd", "s11": "points3d_pyramid", "s12": "explicit_fragments", "s13": "empty3d",
    "s14": "skeleton_chunked",
}  # fmt: skip


def path_of(stores: Path, name: str) -> Path:
    return stores / f"{name}_{NAMES[name]}.zarrvectors"


def expected(stores: Path, name: str) -> tuple[dict[str, np.ndarray], dict]:
    stem = f"{name}_{NAMES[name]}.expected"
    with np.load(stores / f"{stem}.npz") as arrays:
        return dict(arrays), json.loads((stores / f"{stem}.json").read_text())


def case_of(stores: Path, name: str) -> geo.Case:
    """Give what a store was made from."""
    data, facts = expected(stores, name)
    root = json.loads((path_of(stores, name) / "zarr.json").read_text())["attributes"]["zarr_vectors"]
    bins = root.get("base_bin_shape")
    case = geo.Case(
        kind_of(data, facts),
        **geometry(data),
        chunk=np.array(root["chunk_shape"], float),
        bins=None if bins is None else np.array(bins, float),
        attributes=those(data, "attr"),
        owner=data.get("oid"),
        links=links_of(data),
        link_attributes=those(data, "eattr"),
        object_attributes=those(data, "oattr"),
        group_attributes=those(data, "gattr"),
    )
    case.attributes |= {key: np.array(words, dtype=object) for key, words in facts.get("categorical", {}).items()}
    if case.kind == "line":
        case.attributes = {key: values.reshape(-1, *values.shape[2:]) for key, values in case.attributes.items()}
    names = facts.get("group_names", [f"group_{i}" for i in range(len(those(data, "group")))])
    case.groups = {key: data[f"group|{row}"].tolist() for row, key in enumerate(names)}
    return case


def kind_of(data, facts) -> str:
    if facts["kind"] == "point_cloud":
        return "objects" if "oid" in data else "point_cloud"
    return facts["kind"].removesuffix("_chunked")


def geometry(data) -> dict:
    if "lines" in data:
        lines = data["lines"]
        return {"positions": lines.reshape(-1, lines.shape[2]), "offsets": 2 * np.arange(len(lines) + 1)}
    if "poly" in data:
        return {"positions": data["poly"], "offsets": data["poly_off"]}
    return {"positions": data["pos"]}


def links_of(data) -> np.ndarray | None:
    if "cross" in data:  # handed over parent first, all others [child, parent]
        return np.concatenate([data["edges"], data["cross"][:, ::-1]])
    return data.get("edges", data.get("faces"))


def those(data, prefix: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{prefix}|"): data[key] for key in data if key.startswith(f"{prefix}|")}
