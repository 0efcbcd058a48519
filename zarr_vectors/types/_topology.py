"""What a kind of geometry chooses; everything else is the same for all kinds.

A fragment is one of

``bins``
    all rows of one bin, empty bins included; there are no objects;
``objects``
    the rows of one object in the chunk, objects by ascending id, rows in input order;
``runs``
    consecutive vertices of one path that lie in one chunk; an object is its runs one after the other.

Connectivity is said by

``none``
    nothing;
``transitions``
    the order of the manifest, and a link where one run ends and the next begins;
``branches``
    the row before is the parent, and a link ``[child, parent]`` where it is not;
``records``
    one link an edge or face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from zarr_vectors.constants import POINT_CLOUD

__all__ = [
    "GRAPHS",
    "LINES",
    "MESHES",
    "OWNED_POINTS",
    "POINTS",
    "POLYLINES",
    "SKELETONS",
    "STREAMLINES",
    "TOPOLOGIES",
    "Topology",
]


@dataclass(frozen=True, slots=True)
class Topology:
    """One kind of geometry.

    Attributes
    ----------
    kind : str
        Its name in the root's ``geometry_types``.
    fragments : "bins", "objects" or "runs"
    links : "none", "transitions", "branches" or "records"
    links_convention : str
        What the root says of connectivity.
    """

    kind: str
    fragments: Literal["bins", "objects", "runs"]
    links: Literal["none", "transitions", "branches", "records"]
    links_convention: str


_SEQUENTIAL = "implicit_sequential"

POINTS = Topology(POINT_CLOUD, "bins", "none", _SEQUENTIAL)
OWNED_POINTS = Topology(POINT_CLOUD, "objects", "none", _SEQUENTIAL)
LINES = Topology("line", "runs", "transitions", _SEQUENTIAL)
POLYLINES = Topology("polyline", "runs", "transitions", _SEQUENTIAL)
STREAMLINES = Topology("streamline", "runs", "transitions", _SEQUENTIAL)
SKELETONS = Topology("skeleton", "objects", "branches", "implicit_sequential_with_branches")
GRAPHS = Topology("graph", "objects", "records", "explicit")
MESHES = Topology("mesh", "objects", "records", "explicit")

TOPOLOGIES: Mapping[str, Topology] = {
    topology.kind: topology for topology in (POINTS, LINES, POLYLINES, STREAMLINES, SKELETONS, GRAPHS, MESHES)
}
"""By the kind's name; a point cloud may have objects, which its store tells (`OWNED_POINTS`)."""
