"""Selection -> ReadPlan (pure) -> RaggedBatch."""

from zarr_vectors._query.execute import RaggedBatch, cut_box, read_batch, run_read
from zarr_vectors._query.plan import ReadPlan, plan_read
from zarr_vectors._query.selection import Selection, select

__all__ = ["RaggedBatch", "ReadPlan", "Selection", "cut_box", "plan_read", "read_batch", "run_read", "select"]
