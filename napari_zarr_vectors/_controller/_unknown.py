"""Ids that a person asks for and no object has: found off the GUI thread, told on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._layers import notify

if TYPE_CHECKING:
    from zarr_vectors.lazy import LazyStore

__all__ = ["tell_unknown", "unknown_of"]

MOST_TOLD = 5


def unknown_of(store: LazyStore, ids: tuple[int, ...]) -> tuple[int, ...]:
    """Give the ids that no object of level 0 has, in their order; all of them where there are no objects."""
    if not ids or not store.n_objects:
        return ids
    asked = np.array(ids, np.int64)
    return tuple(asked[~np.isin(asked, store.object_values(level=store.levels[0])[0])].tolist())


def tell_unknown(layer: str, unknown: tuple[int, ...], count: int, what: str) -> None:
    """Say of a layer which of `count` ids no object has; `what` they are asked for, such as "chosen"."""
    if unknown:
        some = ", ".join(map(str, unknown[:MOST_TOLD])) + (", .." if len(unknown) > MOST_TOLD else "")
        notify(f"{layer}: no object has {len(unknown):,} of {count:,} {what} ids: {some}")
