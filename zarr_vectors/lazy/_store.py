"""`open_zv`: metadata at once, data when asked."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from zarr_vectors._query import GroupChoice, LinkedBatch, RaggedBatch, ValueBatch, Where, plan_read, select
from zarr_vectors._spec import Axis, LevelMetadata, LevelScale
from zarr_vectors.constants import DEFAULT_CACHE_CHUNKS, DEFAULT_WORKERS
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.side_blocks import Parametric, read_headers, read_parametric, read_user_metadata
from zarr_vectors.core.store import OpenStore, StoreLike, load_store
from zarr_vectors.exceptions import StoreClosedError, UnsupportedFeatureError
from zarr_vectors.lazy import _objects
from zarr_vectors.lazy._arrays import PaddedArray, level_group, raw_array
from zarr_vectors.lazy._cache import ChunkCache
from zarr_vectors.lazy._catalogue import Catalogue, LevelCatalogue
from zarr_vectors.lazy._checks import check_whole, level_for
from zarr_vectors.lazy._chunk import Chunk
from zarr_vectors.lazy._counting import level_catalogue
from zarr_vectors.lazy._filter import VertexFilter
from zarr_vectors.lazy._level import LevelReader, check_coords, iterate
from zarr_vectors.lazy._lineage import read_lineage
from zarr_vectors.lazy._place import Place, at_place, near_place
from zarr_vectors.lazy._union import LevelUnion
from zarr_vectors.spatial import BoxLike, upper_edge
from zarr_vectors.types._read import Request, content_levels, level_metadata, read_levels, winding_of
from zarr_vectors.types._result import Result
from zarr_vectors.typing import AnyArray, Float64Array, Int64Array

__all__ = ["LazyStore", "open_zv"]


def open_zv(
    path: StoreLike,
    *,
    cache_size: int = DEFAULT_CACHE_CHUNKS,
    cache_bytes: int | None = None,
    n_workers: int = DEFAULT_WORKERS,
) -> LazyStore:
    """Open a store for lazy reading: only metadata are read.

    Parameters
    ----------
    path : str, Path, zarr Store or zarr Group
    cache_size : int
        Decoded chunks kept, least recently used first out; 0 keeps none.
    cache_bytes : int, optional
        Bytes kept, in place of `cache_size`.
    n_workers : int
        Threads that `iter_chunks` reads ahead with.

    Raises
    ------
    ArgumentError
        If an argument cannot be used, or the store may not be read.
    StoreNotFoundError, NotAStoreError, FormatVersionError, UnsupportedFeatureError, IncompleteStoreError,
    CorruptStoreError
        If there is no store there that this library can read.
    """
    chunks, workers = check_whole("cache_size", cache_size, 0), check_whole("n_workers", n_workers, 1)
    kept = None if cache_bytes is None else check_whole("cache_bytes", cache_bytes, 0)
    return LazyStore(path, ChunkCache(chunks, kept), workers)


class LazyStore:
    """A store that is open for reading; made by `open_zv`.

    A context manager, for several threads. After `close` all but `name` and `check_unchanged` is a `StoreClosedError`.
    """

    def __init__(self, path: StoreLike, cache: ChunkCache, n_workers: int) -> None:
        self._store = load_store(path)
        self._place = Place(path, self._store)
        self._cache, self._n_workers = cache, n_workers
        self._lock = threading.Lock()
        self._readers: dict[int, LevelReader] = {}
        self._unions: dict[int, LevelUnion] = {}
        self._closed = False

    # -- what the metadata say -------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Where the store lies."""
        return self._store.name

    @property
    def geometry_type(self) -> str:
        """Kind of geometry, such as ``"point_cloud"``."""
        kinds = self._opened().root.geometry_types
        return kinds[0] if kinds else ""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes, in the order of the columns of positions."""
        return self._opened().root.axes

    @property
    def spatial_dims(self) -> int:
        """Number of axes D."""
        return self._opened().root.ndim

    @property
    def chunk_shape(self) -> tuple[float, ...]:
        """Edge lengths of a level-0 chunk, world units."""
        return tuple(self._opened().root.chunk_shape.tolist())

    @property
    def bin_shape(self) -> tuple[float, ...]:
        """Edge lengths of a level-0 bin, world units."""
        return tuple(self._opened().root.bin_shape.tolist())

    @property
    def levels(self) -> list[int]:
        """Numbers of the levels, finest first."""
        return [meta.level for meta in self._opened().levels]

    @property
    def winding_order(self) -> str | None:
        """How corners of faces run as seen from outside, "ccw" or "cw"; None where the writer did not say."""
        return winding_of(self._opened())

    @property
    def crs(self) -> Any:  # noqa: ANN401 - any JSON value
        """The coordinate system the writer named, if any."""
        return self._opened().root.crs

    @property
    def coordinate_offset(self) -> Float64Array:
        """What the writer set aside, (D,) float64; positions plus this are what it had, all here is as stored."""
        return self._opened().root.coordinate_offset.copy()

    @property
    def extent(self) -> Float64Array:
        """Smallest and largest coordinate of level 0 per axis, both inclusive, (2, D) float64."""
        return self._opened().root.bounds.copy()

    @property
    @near_place
    def bounding_box(self) -> tuple[Float64Array, Float64Array]:
        """(lo, hi), each (D,) float64; hi lies just above the largest coordinate, so the box holds every vertex."""
        lo, hi = self._opened().root.bounds
        return lo.copy(), upper_edge(hi, self._reader(self.levels[0]).arrays.positions.column.dtype)

    def vertex_count(self, level: int = 0) -> int:
        """Give the vertices of a level; of an additive one those of the coarser levels that complete it too."""
        return sum(meta.vertex_count for meta in self._content(level))

    def bin_shape_at(self, level: int) -> tuple[float, ...]:
        """Give the edge lengths of a level's bin, world units."""
        return tuple(self._bins(level).bin_shape.tolist())

    def bin_ratio_at(self, level: int) -> tuple[float, ...]:
        """Give a level's bin divided by the root's, per axis."""
        return tuple(self._bins(level).bin_ratio.tolist())

    def _bins(self, level: int) -> LevelScale:
        return self._opened().root.scale_of(self._meta(level).level)

    def chunk_shape_at(self, level: int) -> tuple[float, ...]:
        """Give the edge lengths of a level's chunks, world units."""
        own = self._meta(level).chunk_shape
        return tuple((self._opened().root.chunk_shape if own is None else own).tolist())

    def resolution_at(self, level: int) -> tuple[float, ...]:
        """Give the largest displacement of a vertex at a level: what the store says, else its bin; 0 at level 0."""
        stored = self._meta(level).resolution
        if stored is not None:
            return tuple(stored.tolist())
        return (0.0,) * self.spatial_dims if level == 0 else self.bin_shape_at(level)

    @property
    def adds_levels(self) -> bool:
        """Whether any level adds to coarser ones."""
        return any(len(self._content(level)) > 1 for level in self.levels)

    @near_place
    def attribute_names(self, level: int = 0) -> tuple[str, ...]:
        """Give the names of a level's vertex attributes, sorted."""
        return self._reader(level).arrays.attribute_names

    @near_place
    def has_weights(self, level: int) -> bool:
        """Whether `read_chunks` can give a level's `WEIGHTS`."""
        return self._reader(level).arrays.has_weights

    @near_place
    def attribute_dtype(self, name: str, level: int = 0) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """Give the stored dtype and the channels (``()`` for one number a vertex) of a vertex attribute."""
        column = self._reader(level).arrays.attribute(name).column
        return column.dtype, column.row_shape

    @near_place
    def categories(self, name: str, level: int = 0) -> tuple[str, ...] | None:
        """Give the words behind the codes of a categorical vertex attribute; None if it is numeric."""
        found = self._reader(level).arrays.attribute(name).column.categories
        return None if found is None else found.words

    @property
    def n_objects(self) -> int:
        """Objects of level 0; 0 for a cloud without objects."""
        return self.object_count_at(self.levels[0])

    @at_place
    def object_count_at(self, level: int) -> int:
        """Give the object rows of a level."""
        return _objects.object_count(self._store, [meta.level for meta in self._content(level)])

    @at_place
    def object_attribute_names(self) -> tuple[str, ...]:
        """Give the names of the object attributes, sorted."""
        return _objects.object_attribute_names(self._store, self._meta(self.levels[0]).level)

    @property
    @at_place
    def groups(self) -> dict[str, Int64Array]:
        """Member ids of each group, by name."""
        return _objects.group_members(self._store, self._meta(self.levels[0]).level)

    @at_place
    def group_attribute_names(self) -> tuple[str, ...]:
        """Give the names of the group attributes, sorted."""
        return _objects.group_attribute_names(self._store, self._meta(self.levels[0]).level)

    @at_place
    def group_values(self, name: str) -> AnyArray:
        """Give an attribute of the groups, (G,) or (G, C), in the order of `groups`."""
        return _objects.group_values(self._store, self._meta(self.levels[0]).level, name)

    @property
    @at_place
    def headers(self) -> dict[str, dict[str, Any]]:
        """Headers of the formats the data came from, by format."""
        self._meta(self.levels[0])
        return read_headers(self._store)

    @property
    def user_metadata(self) -> dict[str, Any]:
        """What users noted at the root: ``{namespace: {key: value}}``."""
        self._meta(self.levels[0])
        return read_user_metadata(self._store)

    @property
    @at_place
    def parametric(self) -> Parametric | None:
        """The parametric objects beside the geometry, None where there are none."""
        self._meta(self.levels[0])
        return read_parametric(self._store)

    @at_place
    def catalogue(self) -> Catalogue:
        """Give the non-empty chunks of all levels, with vertex counts."""
        levels = tuple(self._level_catalogue(meta) for meta in self._store.levels)
        return Catalogue(self._opened().root.bounds, levels)

    def _level_catalogue(self, meta: LevelMetadata) -> LevelCatalogue:
        readers = [self._reader(each.level) for each in self._content(meta.level)]
        union = self._union(meta.level) if len(readers) > 1 else None
        return level_catalogue(readers, union, self.resolution_at(meta.level), self.vertex_count(meta.level))

    # -- reading ---------------------------------------------------------------------------------------------

    @at_place
    def read(
        self,
        level: int | None = None,
        bbox: BoxLike | None = None,
        target_resolution: float | None = None,
        attributes: Iterable[str] | None = None,
        object_ids: npt.ArrayLike | None = None,
        groups: GroupChoice | None = None,
        where: Where | None = None,
    ) -> Result:
        """Read a level, or what of it was asked for; all conditions must be met.

        Parameters
        ----------
        level : int, optional
            Default 0.
        bbox : (lo, hi), optional
            Half-open box ``lo <= p < hi``, world units; exact at every level. Of lines it gives whole lines with at
            least one vertex inside, of graphs the nodes inside and the edges among them, of meshes the faces whose
            centroids lie inside.
        target_resolution : float, optional
            In place of `level`: the highest level whose largest bin edge is not above it (0 if there is none).
        attributes : list of str, optional
            None = all vertex attributes, [] = none.
        object_ids : list of int, optional
            Only these objects, in this order.
        groups : names or row numbers of groups, optional
            Only objects in any of these groups.
        where : dict, optional
            ``{"fa": (">", 0.5), "label": ("in", [1, 2])}``: each key, an object attribute or a vertex attribute, must
            match; operators are ``== != < <= > >= in between`` (both ends included), ``{"or": [..]}`` and
            ``{"and": [..]}`` hold lists of such dicts. A line matches a vertex attribute if any of its vertices does;
            of all other kinds single vertices match, an object attribute being that of their object. NaN and absent
            values never match.

        Returns
        -------
        PointsResult, LinesResult, PolylinesResult, GraphResult or MeshResult
            By the kind of the store; the same as from the function that reads this kind.

        Raises
        ------
        ArgumentError
            If something is asked for that is not there.
        ConcurrentWriteError
            If another store has been written to the place since this one was opened.
        """
        if target_resolution is not None:
            level = level_for(target_resolution, level, {n: max(self.bin_shape_at(n)) for n in self.levels})
        request = Request(bbox=bbox, attributes=attributes, object_ids=object_ids, groups=groups, where=where)
        content = self._content(0 if level is None else level)
        return read_levels([self._reader(meta.level) for meta in content], request)

    @near_place
    def iter_chunks(
        self,
        level: int = 0,
        bbox: BoxLike | None = None,
        prefetch: int = 0,
        n_workers: int | None = None,
        attributes: Iterable[str] | None = None,
    ) -> Iterator[tuple[tuple[int, ...], Chunk]]:
        """Yield ``(chunk coordinate, chunk)`` for the non-empty chunks that meet a box, ascending.

        Each chunk is fetched and decoded once and comes whole. With ``prefetch=k`` the next k are in flight;
        leaving the loop early stops the fetching.
        """
        prefetch = check_whole("prefetch", prefetch, 0)
        workers = self._n_workers if n_workers is None else check_whole("n_workers", n_workers, 1)
        readers = [self._reader(meta.level) for meta in self._content(level)]
        arrays = readers[0].arrays
        where = f"level {level} of {self.name}"
        selection = select(self.spatial_dims, arrays.attribute_names, bbox, attributes, where)
        if len(readers) > 1:
            union = self._union(level)
            rows = union.plan(selection)
            chunks = iterate(union.chunk, rows, union.places[rows], selection.attributes, prefetch, workers)
            return self._place.watch(chunks)
        plan = plan_read(selection, arrays.coords, arrays.chunk_shape)
        return self._place.watch(readers[0].iterate(plan, prefetch, workers))

    @near_place
    def read_chunks(self, level: int, coords: npt.ArrayLike, attributes: Iterable[str] | None = None) -> RaggedBatch:
        """Read whole chunks by coordinate, (n, D), in that order; codes for categories. `WEIGHTS` may be asked for."""
        asked, names = check_coords(coords, self.spatial_dims), self._reader(level).names(attributes)
        return self._chunks(level).read_chunks(asked, names)

    @near_place
    def read_values(self, level: int, coords: npt.ArrayLike, attributes: Iterable[str] | None = None) -> ValueBatch:
        """Read as `read_chunks` does, without the positions."""
        asked, names = check_coords(coords, self.spatial_dims), self._reader(level).names(attributes)
        return self._chunks(level).read_values(asked, names)

    @near_place
    def read_linked(
        self,
        level: int,
        coords: npt.ArrayLike,
        attributes: Iterable[str] | None = None,
        *,
        with_objects: bool = False,
    ) -> LinkedBatch:
        """Read whole chunks with what joins their vertices: steps of lines, edges, faces.

        Each link of a level comes with one chunk; ends in other chunks stand behind the chunks' own vertices.

        Raises
        ------
        UnsupportedFeatureError
            If the level adds to coarser ones.
        """
        reader, asked = self._reader(level), check_coords(coords, self.spatial_dims)
        if len(self._content(level)) > 1:
            msg = f"level {level} of {self.name} adds to coarser levels: its links are not read chunk by chunk"
            raise UnsupportedFeatureError(msg)
        return reader.read_linked(asked, reader.names(attributes), with_objects=with_objects)

    @near_place
    def filter(
        self,
        level: int = 0,
        *,
        object_ids: npt.ArrayLike | None = None,
        groups: GroupChoice | None = None,
        where: Where | None = None,
        share: float = 1.0,
    ) -> VertexFilter:
        """Prepare a question as `read` takes it, to be asked of chunk after chunk; `share` is a part of the objects."""
        arrays = self._reader(level).arrays
        asked = select(arrays.ndim, (), None, (), arrays.where, object_ids=object_ids, groups=groups, where=where)
        return VertexFilter(arrays, asked, share)

    @at_place
    def object_values(self, name: str | None = None, level: int = 0) -> tuple[Int64Array, AnyArray]:
        """Give the ids of a level's objects and the values of one of their attributes; without a name the ids twice."""
        return _objects.object_values(self._reader(level).arrays, name)

    @at_place
    def lineage(self, level: int, delta: int = 1) -> Int64Array:
        """Give which vertex stands for which, (M, 2): rows of `level` and those of level + `delta` that stand for them.

        Where `delta` is below 0, those that they stand for. Ascending, by rows as `read_chunks` gives all chunks.
        """
        own, step = self._reader(level), check_whole("delta", delta, -level)
        return read_lineage(own.arrays, self._reader(level + step).arrays)

    @at_place
    def raw_array(self, path: str, level: int = 0) -> PaddedArray | zarr.Array[Any]:
        """Give an array of a level by its path.

        ``"vertices"`` and ``"vertex_attributes/<name>"`` come as a lazy padded view, all others as the zarr array.
        """
        return raw_array(self._reader(level).arrays, path, self._place)

    @at_place
    def level_group(self, level: int = 0) -> zarr.Group:
        """Give the zarr group of a level."""
        self._meta(level)
        return level_group(self._store, level)

    def check_unchanged(self) -> None:
        """Look whether this is still the store that was opened; coarser levels may have been added to it.

        Reads metadata only. Chunks read before an answer without error are of the store that was opened.

        Raises
        ------
        ConcurrentWriteError
            If another store has been written to its place.
        StoreNotFoundError, ZarrVectorsError, OSError
            If it was removed, or what lies there now cannot be read.
        """
        self._place.check()

    # -- life ------------------------------------------------------------------------------------------------

    def _opened(self) -> OpenStore:
        if self._closed:
            msg = f"{self.name} was closed"
            raise StoreClosedError(msg)
        return self._store

    def _meta(self, level: int) -> LevelMetadata:
        return level_metadata(self._opened(), level)

    def _content(self, level: int) -> list[LevelMetadata]:
        """Give the levels that hold a level's content: more than itself where it adds to coarser ones."""
        self._meta(level)
        return content_levels(self._store, level)

    def _reader(self, level: int) -> LevelReader:
        meta = self._meta(level)
        with self._lock:
            self._meta(level)
            if level not in self._readers:
                self._readers[level] = LevelReader(LevelArrays(self._store, meta), self._cache)
            return self._readers[level]

    def _chunks(self, level: int) -> LevelReader | LevelUnion:
        return self._reader(level) if len(self._content(level)) == 1 else self._union(level)

    def _union(self, level: int) -> LevelUnion:
        """Give the levels of an additive level's content as one."""
        readers = [self._reader(meta.level) for meta in self._content(level)]
        with self._lock:
            if level not in self._unions:
                self._unions[level] = LevelUnion(readers)
            return self._unions[level]

    def close(self) -> None:
        """Free the cache; see the class for what can be asked later."""
        with self._lock:
            self._closed = True
            for reader in self._readers.values():
                reader.arrays.closed = True
            self._readers.clear()
            self._unions.clear()
        self._cache.clear()

    def __enter__(self) -> LazyStore:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self.geometry_type}, levels {self.levels}"
        return f"<LazyStore {self.name}: {state}>"
