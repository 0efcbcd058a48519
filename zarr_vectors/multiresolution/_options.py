"""What is the same on all levels of a pyramid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zarr_vectors.multiresolution._lineage import CrossLinks
from zarr_vectors.types._pipeline import Storage
from zarr_vectors.types._topology import Topology

__all__ = ["LevelOptions"]


@dataclass(frozen=True, slots=True, eq=False)
class LevelOptions:
    """Checked arguments that say how levels are made.

    Attributes
    ----------
    topology : Topology
    modes : dict
        How each vertex attribute is aggregated.
    strategy : str
        Which objects stay.
    seed : int
        Of what is drawn by chance.
    storage : Storage
    quadrics : bool
        Whether surfaces are decimated by quadrics, not clustered.
    links : CrossLinks
    """

    topology: Topology
    modes: Mapping[str, str]
    strategy: str
    seed: int
    storage: Storage
    quadrics: bool
    links: CrossLinks
