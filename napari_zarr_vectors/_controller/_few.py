"""At most so many points of what a camera sees, read from a store: what the fallback layer shows. Off the GUI thread.

A level is read in batches of chunks, and given up as soon as it has too many points in the view. Only the last one
that is tried is thinned: of its points those with the smallest keys stay. A key depends on nothing but the place of
the point, so that views that overlap show the same points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._controller._prepare import prepare
from napari_zarr_vectors._layers import ValueInfo
from napari_zarr_vectors._lod import chunks_in, plan_few
from napari_zarr_vectors._stream import color_values, no_values
from zarr_vectors.exceptions import CancelledError
from zarr_vectors.spatial import mix_bits

if TYPE_CHECKING:
    from napari_zarr_vectors._controller._prepare import Colors
    from napari_zarr_vectors._lod import CameraState
    from napari_zarr_vectors._stream import Coloring
    from zarr_vectors.lazy import Catalogue, LazyStore, LevelCatalogue

__all__ = ["FewPoints", "FewReader"]

AnyArray = npt.NDArray[np.generic]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
UIntArray = npt.NDArray[np.uint64]

BATCH_ROWS = 1 << 17
MOST_READ = 1 << 20
"""Points that are read to find out whether a level's part in the view is small enough."""
SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class FewPoints:
    """Some points of one level.

    Attributes
    ----------
    positions : (n, D) float64
        Data units.
    level : int or None
        None where nothing is in view.
    values : (n,) float32 or None
        What colours them, as `info` says.
    info : ValueInfo
    features : dict of (n,) arrays
        The same as a person reads it: numbers, or words.
    """

    positions: Float64Array
    level: int | None = None
    values: npt.NDArray[np.float32] | None = None
    info: ValueInfo = field(default_factory=ValueInfo)
    features: dict[str, AnyArray] = field(default_factory=dict)


class FewReader:
    """Reads views of one store, one at a time.

    Parameters
    ----------
    store : LazyStore
    most : int
        Points of a view.
    color_by : str or None
        An attribute, None, or "auto".
    level : int, optional
        The only level to be read.
    as_labels : bool
        Take whole numbers for labels.
    """

    def __init__(
        self,
        store: LazyStore,
        *,
        most: int,
        color_by: str | None,
        level: int | None = None,
        as_labels: bool = False,
    ) -> None:
        self._store, self._color_by, self._level, self._as_labels = store, color_by, level, as_labels
        self.most = most
        self._known: tuple[Catalogue, Colors] | None = None

    def read(self, camera: CameraState, wanted: Callable[[], bool]) -> FewPoints:
        """Read what a camera sees.

        Parameters
        ----------
        camera : CameraState
        wanted : callable
            Asked between batches, on the calling thread: whether to go on.

        Raises
        ------
        CancelledError
            When it is not wanted any more.
        ZarrVectorsError, OSError
            When the store cannot be read.
        """
        if self._known is None:
            colors = prepare(self._store, self._color_by, as_labels=self._as_labels).colors
            self._known = self._store.catalogue(), colors
        catalogue, colors = self._known
        plan = plan_few(catalogue, camera, most=self.most, most_read=MOST_READ, level=self._level)
        entries = {entry.level: entry for entry in catalogue.levels}
        for level in plan.levels:
            last = level == plan.levels[-1]
            found = self._gather(entries[level], plan.box, colors.coloring, wanted, thin=last)
            if found is not None:
                self._store.check_unchanged()
                return self._dressed(level, found, colors)
        return FewPoints(np.empty((0, self._store.spatial_dims)))

    def _gather(
        self, entry: LevelCatalogue, box: Float64Array, coloring: Coloring, wanted: Callable[[], bool], *, thin: bool
    ) -> list[AnyArray] | None:
        """Give positions, and values if the level has them, in the box; None if they are too many and not thinned."""
        names = [coloring.attribute] if coloring.attribute in self._store.attribute_names(entry.level) else []
        rows = np.flatnonzero(chunks_in(entry, box)[0])
        sample = _Sample(self.most, [np.empty((0, self._store.spatial_dims))])
        for some in _batches(entry.counts[rows]):
            if not wanted():
                msg = f"the view of {self._store.name} has changed"
                raise CancelledError(msg)
            batch = self._store.read_chunks(entry.level, entry.coords[rows[some]], names)
            inside = ((batch.positions >= box[0]) & (batch.positions <= box[1])).all(axis=1)
            sample.add([batch.positions[inside], *(batch.attributes[name][inside] for name in names)])
            if sample.total > self.most and not thin:
                return None
        return sample.columns

    def _dressed(self, level: int, columns: list[AnyArray], colors: Colors) -> FewPoints:
        """Add colours and features to what was read."""
        positions, coloring = columns[0].astype(np.float64), colors.coloring
        if coloring.attribute is None:
            return FewPoints(positions, level)
        if len(columns) == 1:  # nothing is in view, or the level has not this attribute
            return FewPoints(positions, level, no_values(coloring, len(positions)), colors.info)
        values, features = columns[1], {}
        if coloring.kind == "category":
            words = self._store.categories(coloring.attribute, level) or ()
            features[coloring.attribute] = _words_of(words, values)
            values = _codes_of(words, coloring.words, values)
        elif values.ndim == 1:
            features[coloring.attribute] = values
        return FewPoints(positions, level, color_values(coloring, values), colors.info, features)


@dataclass(slots=True, eq=False)
class _Sample:
    """At most `most` of the rows that were added, and how many these were."""

    most: int
    columns: list[AnyArray]
    total: int = 0

    def add(self, columns: list[AnyArray]) -> None:
        """Add rows, positions (n, D) in the first column."""
        before = self.columns if self.total else [column[:0] for column in columns]
        self.total += len(columns[0])
        joined = [np.concatenate(pair) for pair in zip(before, columns, strict=True)]
        if len(joined[0]) > self.most:
            kept = np.argpartition(_keys(joined[0]), self.most - 1)[: self.most]
            kept.sort()
            joined = [column[kept] for column in joined]
        self.columns = joined


def _batches(counts: IntArray) -> Iterator[slice]:
    """Cut chunks of so many points into runs of about `BATCH_ROWS`, one chunk at least."""
    number = (np.cumsum(counts) - counts) // BATCH_ROWS
    edges = np.flatnonzero(np.diff(number, prepend=-1, append=-1))
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield slice(start, stop)


def _keys(positions: AnyArray) -> UIntArray:
    """Give a number to each place that looks drawn by chance: (N, D) -> (N,).

    The bits of the coordinates are summed with odd factors and mixed.
    """
    bits = np.ascontiguousarray(positions, dtype=np.float64).view(np.uint64)
    factors = np.random.default_rng(SEED).integers(0, 1 << 64, bits.shape[1], dtype=np.uint64) | np.uint64(1)
    key: UIntArray = (bits * factors).sum(axis=1, dtype=np.uint64)
    return mix_bits(key)


def _words_of(words: tuple[str, ...], codes: AnyArray) -> AnyArray:
    """Give the word of each code; an empty one for a code that has none."""
    whole = codes.astype(np.int64)
    known = (whole >= 0) & (whole < len(words))
    return np.array([*words, ""])[np.where(known, whole, len(words))]


def _codes_of(words: tuple[str, ...], into: tuple[str, ...], codes: AnyArray) -> AnyArray:
    """Turn a level's codes into those of other words: levels may have word lists of their own."""
    place = {word: code for code, word in enumerate(into)}
    table = np.array([*(place.get(word, -1) for word in words), -1], dtype=np.int64)
    whole = codes.astype(np.int64)
    known = (whole >= 0) & (whole < len(words))
    return table[np.where(known, whole, len(words))]
