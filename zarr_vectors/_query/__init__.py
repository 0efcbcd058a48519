"""Selection -> which objects, which chunks -> rows of a level."""

from zarr_vectors._query.execute import (
    ChunkSource,
    DirectSource,
    RaggedBatch,
    ValueBatch,
    Vertices,
    chunk_groups,
    read_batch,
    read_values,
    take_rows,
)
from zarr_vectors._query.graph import Network, links_within, read_graph, read_mesh
from zarr_vectors._query.lines import Sequences, read_sequences
from zarr_vectors._query.linked import LinkedBatch, read_linked
from zarr_vectors._query.plan import ReadPlan, plan_read
from zarr_vectors._query.rows import Found, find_rows
from zarr_vectors._query.selection import GroupChoice, Selection, check_ids, select
from zarr_vectors._query.where import Where

__all__ = [
    "ChunkSource",
    "DirectSource",
    "Found",
    "GroupChoice",
    "LinkedBatch",
    "Network",
    "RaggedBatch",
    "ReadPlan",
    "Selection",
    "Sequences",
    "ValueBatch",
    "Vertices",
    "Where",
    "check_ids",
    "chunk_groups",
    "find_rows",
    "links_within",
    "plan_read",
    "read_batch",
    "read_graph",
    "read_linked",
    "read_mesh",
    "read_sequences",
    "read_values",
    "select",
    "take_rows",
]
