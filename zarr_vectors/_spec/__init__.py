"""The format's metadata as frozen models: parse and dump, no storage."""

from zarr_vectors._spec.empty import plan_empty_root
from zarr_vectors._spec.flat import FlatMetadata, absent_value, is_absent
from zarr_vectors._spec.grid import Codec, GridMetadata, codec_chain
from zarr_vectors._spec.level import LevelMetadata
from zarr_vectors._spec.multiscales import Axis, LevelScale, default_axes
from zarr_vectors._spec.root import Commit, RootMetadata

__all__ = [
    "Axis",
    "Codec",
    "Commit",
    "FlatMetadata",
    "GridMetadata",
    "LevelMetadata",
    "LevelScale",
    "RootMetadata",
    "absent_value",
    "codec_chain",
    "default_axes",
    "is_absent",
    "plan_empty_root",
]
