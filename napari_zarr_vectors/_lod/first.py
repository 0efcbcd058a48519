"""What is read before anybody asks: chunks of the coarsest level, and which share of them is built. Pure.

A chunk is read whole, but building and painting take most of the time. So where the chunks hold more than can be seen
at once, a share of each is built; the rest follows as a larger share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod.shown import quantised_share

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.tree import Tree

__all__ = ["plan_first"]

MOST_CHUNKS = 64
READ, READ_ALONE = 1 << 19, 1 << 22
"""Vertices that are read: of several chunks together, of one that alone is larger."""
LEAST_GAIN = 2
"""A share is built where it is this many times smaller: what was read is read again for the rest."""


def plan_first(tree: Tree, *, vertices: int, thins: bool) -> tuple[npt.NDArray[np.int64], float]:
    """Choose what to read first: the smallest of the coarsest nodes, as many as is sensible.

    Parameters
    ----------
    tree : Tree
    vertices : int
        About so many are built.
    thins : bool
        Whether a share of a node shows what the node is.

    Returns
    -------
    nodes : (n,) int64
    share : float
        Of the vertices of each.
    """
    count = tree.count[tree.tops]
    order = np.argsort(count, kind="stable")[:MOST_CHUNKS]
    total = np.cumsum(count[order])
    most = READ if thins else LEAST_GAIN * vertices
    some = int(np.searchsorted(total, most, side="right"))
    if not some and thins and len(total):
        some = int(total[0] <= READ_ALONE)
    read = int(total[some - 1]) if some else 0
    share = 1.0 if read <= LEAST_GAIN * vertices else quantised_share(vertices / read)
    return tree.tops[order[:some]].astype(np.int64), share
