"""Vertices of many chunks in one vertex buffer, and what of them is drawn, in one index buffer.

Vertex buffer: pages of `page_rows` rows; a row is a point, a segment or a triangle and has one vertex a corner. A chunk
owns whole pages, not necessarily neighbours. Page 0 belongs to nobody; the corners of its row 0 lie outside every slab
and are what unused indices point at.

Index buffer: slots of `page_rows` rows' indices: the pool's pattern says which corners make up what is drawn of a
row. The shown rows of one node fill whole slots, padded with row 0. Slots
in use are always ``0 .. n - 1``: freed ones are filled with new content, or by moving the last ones there, so that
drawing is one call. A commit compares with what is shown and touches only nodes whose ranges changed. Its costly part,
the new index buffer, is made by `prepare`, which may run on another thread; `show` puts it in place.

The pool keeps the arrays of resident chunks (they are the loader's own, not copies), so that buffers can be made
anew: when napari makes the visual, when they grow. All but `prepare` runs on the GUI thread; no GL call happens here.
"""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._layers._pages import FreePages, covering_runs
from napari_zarr_vectors._layers._ranges import Ranges, changed_units, make_ranges, slot_block
from napari_zarr_vectors._layers._residents import Resident, Shown
from napari_zarr_vectors._layers._slots import SlotTable

if TYPE_CHECKING:
    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._layers._residents import Sink

__all__ = ["HIDDEN", "PagePool", "Prepared"]

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

HIDDEN = 3.0e38
"""Coordinate of the row that padding points at. Finite, because GLSL 1.20 promises nothing about NaN."""

RESERVED_PAGES = 1
FIRST_INDICES = 1 << 21
BRIDGE_SLOTS = 16
MOST_RUNS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A commit that only has to be put in place, if the pool is still as it was.

    Attributes
    ----------
    version : int
        Of the pool that it was made for.
    shown : Shown
    slots : SlotTable or None
        That shows it; None where the same is shown already.
    runs : list of (start, stop)
        Of slots, half-open, that hold all that differ from those that are shown.
    """

    version: int
    shown: Shown
    slots: SlotTable | None
    runs: list[tuple[int, int]]

    @property
    def vertices(self) -> int:
        """Vertices that are drawn."""
        return self.shown.vertices


class PagePool:
    """Resident chunks and the rows of them that are drawn.

    Parameters
    ----------
    capacity_rows : int
        Size of the vertex buffer; rounded up to whole pages.
    page_rows : int
        Rows of a page, and indices of a slot; a power of two.
    extra : bool
        Vertices have further axes (more than three dimensions).
    pattern : tuple of int
        The corners of a row, in the order in which they are drawn: ``(0,)`` points, ``(0, 1, 2)`` triangles.
    """

    def __init__(
        self, capacity_rows: int, page_rows: int = 256, *, extra: bool = False, pattern: tuple[int, ...] = (0,)
    ) -> None:
        self.extra, self.pattern, self.corners = extra, pattern, max(pattern) + 1
        self._resident: dict[int, Resident] = {}
        self._leaving: dict[int, Resident] = {}  # what was exchanged, and is drawn until the next commit
        self._owners: list[int] = []  # numbers that are free again
        self._owner_count = 0
        self._divide(capacity_rows, page_rows)
        slot = page_rows * len(pattern)
        self._slots = SlotTable(slot, min(self._pages, FIRST_INDICES // slot))
        nothing = np.zeros(0, dtype=np.int64)
        self._shown = Shown(make_ranges(nothing, nothing, nothing), (), nothing, 0)
        self._past: SlotTable | None = None  # what was drawn before
        self._version = 0  # of what prepare reads: what is shown, and the pages of whoever is resident
        self._sink: Sink | None = None

    @property
    def capacity_rows(self) -> int:
        """Rows of the vertex buffer."""
        return self._pages * self.page_rows

    @property
    def row_bytes(self) -> int:
        """What a row takes in the vertex buffers."""
        linked = self.corners > 1
        return self.corners * 4 * (5 + 2 * self.extra + (4 + 2 * self.extra) * linked)

    @property
    def free_rows(self) -> int:
        """Rows in free pages; a chunk needs whole pages."""
        return self._free.count * self.page_rows

    @property
    def resident(self) -> KeysView[int]:
        """Nodes whose vertices lie in the buffer: a live view that behaves like a set."""
        return self._resident.keys()

    @property
    def shown_vertices(self) -> int:
        """Vertices that are drawn."""
        return self._shown.vertices

    @property
    def draw_count(self) -> int:
        """Entries of the index buffer that are drawn, padding included."""
        return self._slots.count * self.page_rows * len(self.pattern)

    @property
    def index_buffer(self) -> npt.NDArray[np.uint32]:
        """The indices that are drawn, (draw_count,); to be read only."""
        return self._slots.indices[: self._slots.count].reshape(-1)

    def drawn(self) -> list[tuple[BuiltChunk, Float32Array, IntArray, IntArray]]:
        """Give what is drawn: chunks, the values of their corners, and starts and stops of rows; from any thread."""
        shown = self._shown  # once: it may be another one at any moment, and so may a resident's chunk
        ranges, chunks = shown.ranges, [resident.built for resident in shown.residents]
        at = [ranges.of(unit) for unit in range(len(chunks))]
        return [(b, b.values, ranges.starts[a], ranges.stops[a]) for b, a in zip(chunks, at, strict=True)]

    def chunk(self, node: int) -> BuiltChunk:
        """The chunk that was uploaded as `node`."""
        return self._resident[node].built

    def values(self, node: int) -> Float32Array:
        """Give the value column of a resident node, (n,) float32 in the order of its corners; to be read only."""
        return self._resident[node].built.values

    def upload(self, node: int, built: BuiltChunk) -> bool:
        """Copy a chunk into free pages; nothing of it is shown yet.

        A resident node is replaced, and hidden until the next commit.

        Returns
        -------
        bool
            False when there are not enough free pages; the pool is as before then.
        """
        needed = -(-built.rows // self.page_rows)
        own = self._resident[node].page_count if node in self._resident else 0
        if self._free.count + own < needed:
            return False
        if node in self._resident:
            self.evict([node])
        runs = self._free.take(needed)
        if runs is None:
            return False
        self._fill(node, built, runs)
        return True

    def exchange(self, node: int, built: BuiltChunk) -> bool:
        """Copy another share of a resident node into free pages, in whose place it is resident from now on.

        What is drawn of the node stays until the next commit, which has to be prepared after this: its ranges are rows
        of what is resident then. Until it is shown both take their pages.

        Returns
        -------
        bool
            False when there are not enough free pages; the pool is as before then.
        """
        runs = self._free.take(-(-built.rows // self.page_rows))
        if runs is None:
            return False
        before = self._resident[node]
        if node in self._leaving or node not in self._shown.ranges.units:
            self._let_go([before])
        else:
            self._leaving[node] = before
        self._version += 1
        self._fill(node, built, runs)
        return True

    @property
    def exchanging(self) -> bool:
        """Something is drawn in whose place other rows are resident: the next commit shows these."""
        return bool(self._leaving)

    def _fill(self, node: int, built: BuiltChunk, runs: list[tuple[int, int]]) -> None:
        resident = Resident(built, runs, self._parts(runs, built.rows), self._take_owner())
        self._resident[node] = resident
        resident.send_vertices(self._sink)
        resident.send_values(self._sink)

    def _let_go(self, gone: list[Resident]) -> None:
        """Free the pages of what nobody draws."""
        self._free.give(sorted(run for resident in gone for run in resident.runs))
        self._owners += [resident.owner for resident in gone]

    def _all(self) -> list[Resident]:
        """Give all that takes pages."""
        return [*self._resident.values(), *self._leaving.values()]

    def stage(self, node: int, built: BuiltChunk) -> None:
        """Send the next values and sizes of a resident node: those of the same rows; `swap` shows them."""
        resident = self._resident[node]
        if built.values.shape != resident.built.values.shape:
            msg = f"values of node {node}: expected shape {resident.built.values.shape}, got {built.values.shape}"
            raise ValueError(msg)
        resident.stage(built, self._sink)

    def is_staged(self, node: int) -> bool:
        """Tell whether a resident node has next values."""
        return self._resident[node].staged is not None

    def unstage(self) -> None:
        """Forget all next values."""
        for resident in self._all():
            resident.staged = None

    def swap(self) -> None:
        """Draw what was staged, all of it in one paint; what has nothing staged keeps its values."""
        residents = self._all()
        if not any(resident.staged is not None for resident in residents):
            return
        for resident in residents:
            if resident.staged is None:
                resident.stage(resident.built, self._sink)
            resident.swap()
        if self._sink is not None:
            self._sink.swap_staged()
            self._sink.show(self.draw_count)  # the same rows, painted anew

    def evict(self, nodes: Iterable[int]) -> None:
        """Free the pages of nodes; what of them is shown disappears. Unknown nodes are ignored."""
        gone = [node for node in nodes if node in self._resident]
        if not gone:
            return
        now = self._shown.ranges
        shown = np.isin(now.nodes, gone)
        if shown.any():
            stay = ~shown
            kept = make_ranges(now.nodes[stay], now.starts[stay], now.stops[stay], now.cuts_of_ranges[stay])
            self._apply(self._prepared(self._version, kept, [self._drawn(node) for node in kept.units.tolist()]))
        self._version += 1
        left = [self._resident.pop(node) for node in gone]
        self._let_go(left + [self._leaving.pop(node) for node in gone if node in self._leaving])

    def commit(
        self, nodes: npt.ArrayLike, starts: npt.ArrayLike, stops: npt.ArrayLike, cuts: npt.ArrayLike | None = None
    ) -> int:
        """Show exactly these rows.

        Parameters
        ----------
        nodes, starts, stops : (m,) int
            Half-open row ranges of resident nodes. A node may occur several times with ranges that do not
            overlap; empty ranges are ignored.
        cuts : (m,) int, optional
            Which of these rows, by the bins that they lie in (see `_model.bins`): one cut a node. All by default.

        Returns
        -------
        int
            Vertices shown.

        Raises
        ------
        ValueError
            When ranges of a node overlap, leave the chunk, or the node is not resident; nothing changes then.
        """
        return self.show(self.prepare(nodes, starts, stops, cuts))

    def prepare(
        self, nodes: npt.ArrayLike, starts: npt.ArrayLike, stops: npt.ArrayLike, cuts: npt.ArrayLike | None = None
    ) -> Prepared:
        """Do what a commit of these rows costs, and change nothing that is seen; may run on another thread.

        Parameters and errors are those of `commit`. While it runs, the pool may only gain nodes.
        """
        self._past = None  # here nobody waits for it to be freed: the GUI thread would, a third of a millisecond
        version = self._version
        given = (nodes, starts, stops, np.zeros_like(nodes) if cuts is None else cuts)
        arrays = [np.asarray(a, dtype=np.int64).reshape(-1) for a in given]
        some = arrays[2] > arrays[1]
        wanted = make_ranges(*(a[some] for a in arrays))
        residents = self._checked(wanted)
        return self._prepared(version, wanted, residents, [*self._leaving])

    def show(self, prepared: Prepared) -> int:
        """Put a prepared commit in place; it is prepared anew if the pool has changed since. Gives vertices shown."""
        if prepared.version != self._version:
            wanted = prepared.shown.ranges
            prepared = self.prepare(wanted.nodes, wanted.starts, wanted.stops, wanted.cuts_of_ranges)
        self._apply(prepared)
        if self._leaving:
            left, self._leaving = self._leaving, {}
            self._let_go([*left.values()])
        return self.shown_vertices

    def clear(self) -> None:
        """Evict everything."""
        self.evict(list(self._resident))
        self._past = None

    def set_page_rows(self, page_rows: int) -> None:
        """Divide the buffer into other pages, a power of two; nothing may be resident.

        Raises
        ------
        RuntimeError
            If a node is resident.
        """
        if self._resident:
            msg = f"{len(self._resident)} nodes lie in pages of {self.page_rows} rows; evict them first"
            raise RuntimeError(msg)
        if page_rows != self.page_rows:
            self._version += 1
            slots = self._slots
            self._divide(self.capacity_rows, page_rows)
            self._slots = slots.divided(page_rows * len(self.pattern))  # the touched memory of the old ones
            if self._sink is not None:
                self.attach(self._sink)

    def _divide(self, capacity_rows: int, page_rows: int) -> None:
        self.page_rows = page_rows
        self._pages = self._pages_for(capacity_rows)
        self._free = FreePages(self._pages, RESERVED_PAGES)

    def resize(self, capacity_rows: int) -> None:
        """Grow the vertex buffer; content stays. A smaller capacity than now is ignored.

        All resident vertices are sent again, because GL buffers cannot grow in place.
        """
        pages = self._pages_for(capacity_rows)
        if pages <= self._pages:
            return
        self._pages = pages
        self._free.grow(pages)
        if self._sink is not None:
            self._send_all_vertices(self._sink)

    def attach(self, sink: Sink) -> None:
        """Give the pool its buffers; everything that is resident and shown is sent at once."""
        self._sink = sink
        self._send_all_vertices(sink)
        self._send_all_slots()

    def detach(self) -> None:
        """Forget the buffers; the content stays and is sent to the next sink."""
        self._sink = None

    # -- vertices

    def _pages_for(self, rows: int) -> int:
        return RESERVED_PAGES + max(1, -(-rows // self.page_rows))

    def _take_owner(self) -> int:
        if self._owners:
            return self._owners.pop()
        self._owner_count += 1
        return self._owner_count - 1

    def _send_all_vertices(self, sink: Sink) -> None:
        sink.allocate(self.capacity_rows * self.corners, extra=self.extra)
        hidden = np.full((self.corners, 3), HIDDEN, dtype=np.float32)
        sink.write_vertices(0, hidden, np.zeros((self.corners, 2), dtype=np.float32) if self.extra else None)
        for resident in self._all():
            resident.send_vertices(sink)
            resident.send_values(sink)

    def _parts(self, runs: list[tuple[int, int]], count: int) -> list[tuple[int, slice]]:
        parts, done = [], 0
        for start, stop in runs:
            size = min((stop - start) * self.page_rows, count - done)
            first = start * self.page_rows * self.corners
            parts.append((first, slice(done * self.corners, (done + size) * self.corners)))
            done += size
        return parts

    # -- indices

    def _checked(self, wanted: Ranges) -> list[Resident]:
        """By unit, what is resident; what cannot be drawn is refused."""
        missing = [node for node in wanted.units.tolist() if node not in self._resident]
        if missing:
            msg = f"only resident nodes can be shown; not resident: {missing[:5]}"
            raise ValueError(msg)
        residents = [self._resident[node] for node in wanted.units.tolist()]
        sizes = np.array([r.built.rows for r in residents], dtype=np.int64)
        outside = (wanted.starts < 0) | (wanted.stops > np.repeat(sizes, np.diff(wanted.first)))
        overlaps = (wanted.nodes[1:] == wanted.nodes[:-1]) & (wanted.starts[1:] < wanted.stops[:-1])
        for bad, reason in ((outside, "leaves its chunk"), (overlaps, "overlaps the next one")):
            if bad.any():
                at = int(np.flatnonzero(bad)[0])
                node, start, stop = (int(a[at]) for a in (wanted.nodes, wanted.starts, wanted.stops))
                msg = f"range {start}:{stop} of node {node} {reason}"
                raise ValueError(msg)
        return residents

    def _drawn(self, node: int) -> Resident:
        """Give what is drawn of a node: what it was before it was exchanged, until the next commit."""
        return self._leaving.get(node) or self._resident[node]

    def _prepared(
        self, version: int, wanted: Ranges, residents: list[Resident], exchanged: Sequence[int] = ()
    ) -> Prepared:
        """Find what differs; `exchanged` nodes do, whatever their ranges are."""
        now = self._shown.ranges
        changed, gone = changed_units(now, wanted), changed_units(wanted, now)
        if exchanged:
            changed = np.union1d(changed, np.flatnonzero(np.isin(wanted.units, exchanged)))
            gone = np.union1d(gone, np.flatnonzero(np.isin(now.units, exchanged)))
        gone = now.units[gone]
        leaving = np.array([self._drawn(node).owner for node in gone.tolist()], dtype=np.int64)
        own = [residents[unit] for unit in changed.tolist()]
        owners = np.array([r.owner for r in own], dtype=np.int64)
        picked = [
            r.built.picked(wanted.starts[at], wanted.stops[at], cut)
            for r, at, cut in zip(own, map(wanted.of, changed.tolist()), wanted.cuts[changed].tolist(), strict=True)
        ]
        slots, block = slot_block(picked, [r.runs for r in own], self.page_rows)
        if self.pattern != (0,):
            corners = np.array(self.pattern, dtype=np.uint32)
            block = (block[:, :, None] * np.uint32(self.corners) + corners).reshape(-1, self._slots.slot_size)
        counts = self._known_counts(wanted)
        counts[changed] = [self._drawn_of(resident, rows) for resident, rows in zip(own, picked, strict=True)]
        shown = Shown(wanted, tuple(residents), counts, int(counts.sum()))
        if not len(gone) and not len(own):
            return Prepared(version, shown, None, [])
        left = np.zeros(self._owner_count, dtype=bool)
        left[leaving] = True
        table, slots = self._slots.replaced(left, np.repeat(owners, slots), block)
        return Prepared(version, shown, table, _few_runs(slots))

    def _known_counts(self, wanted: Ranges) -> IntArray:
        """Give the vertices that each unit draws that is shown already; those that change are found anew."""
        now = self._shown
        if not len(now.counts):
            return np.zeros(len(wanted.units), dtype=np.int64)
        return now.counts.take(now.ranges.units.searchsorted(wanted.units), mode="clip")

    @staticmethod
    def _drawn_of(resident: Resident, rows: IntArray) -> int:
        """Count the vertices that some rows of a resident draw."""
        built = resident.built
        return built.vertices if len(rows) == built.rows else built.picked_vertices(rows)

    def _apply(self, prepared: Prepared) -> None:
        if prepared.slots is None:
            return
        self._version += 1
        self._shown = prepared.shown
        before, self._slots = self._slots, prepared.slots
        if self._slots.indices.size == before.indices.size:
            self._send_slots(prepared.runs)
        else:
            self._send_all_slots()
        self._past = before

    def _send_all_slots(self) -> None:
        if self._sink is not None:
            self._sink.allocate_indices(self._slots.indices.size)
            self._send_slots([(0, self._slots.count)] if self._slots.count else [])

    def _send_slots(self, runs: list[tuple[int, int]]) -> None:
        if self._sink is None:
            return
        for start, stop in runs:
            first = start * self.page_rows * len(self.pattern)
            self._sink.write_indices(first, self._slots.indices[start:stop].reshape(-1))
        self._sink.show(self.draw_count)


def _few_runs(slots: IntArray) -> list[tuple[int, int]]:
    """Cover (n,) ascending slots with a few runs."""
    if not len(slots):
        return []
    starts, stops = covering_runs(slots, bridge=BRIDGE_SLOTS, most=MOST_RUNS)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))
