import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from napari_zarr_vectors._build import BuiltChunk
from napari_zarr_vectors._layers._pages import FreePages, covering_runs
from napari_zarr_vectors._layers._pool import PagePool


class ArraySink:
    """Vertex and index buffers as arrays; sends late, like gloo, when `lazy`."""

    def __init__(self, *, lazy=False):
        self.lazy = lazy
        self.queue = []
        self.count = 0
        self.index_writes = 0
        self.vertex_writes = 0
        self.value_writes = 0

    def allocate(self, rows, *, extra):
        self.queue = [job for job in self.queue if job[0] == "indices"]
        self.positions = np.full((rows, 3), np.nan, np.float32)
        self.values = np.full(rows, np.nan, np.float32)
        self.others = np.full((rows, 3), np.nan, np.float32)
        self.sizes = np.full(rows, np.nan, np.float32)
        self.staged = None
        self.extra = np.full((rows, 2), np.nan, np.float32) if extra else None

    def write_vertices(self, row, positions, extra):
        self.vertex_writes += 1
        self._do("positions", row, positions)
        if extra is not None:
            self._do("extra", row, extra)

    def write_others(self, row, others, extra):
        self._do("others", row, others)

    def write_sizes(self, row, sizes):
        self._do("sizes", row, sizes)

    def write_staged(self, row, values, sizes):
        if self.staged is None:
            self.staged = np.full_like(self.values, np.nan), np.full_like(self.sizes, np.nan)
        self.staged[0][row : row + len(values)] = values
        self.staged[1][row : row + len(values)] = 1 if sizes is None else sizes

    def swap_staged(self):
        (self.values, self.sizes), self.staged = self.staged, None

    def write_levels(self, row, levels):
        assert levels.dtype == np.float32

    def write_values(self, row, values):
        self.value_writes += 1
        self._do("values", row, values)

    def allocate_indices(self, count):
        self.queue = [job for job in self.queue if job[0] != "indices"]
        self.indices = np.full(count, 2**32 - 1, np.uint32)

    def write_indices(self, first, indices):
        self.index_writes += 1
        self._do("indices", first, indices)

    def show(self, count):
        self.count = count

    def _do(self, name, at, data):
        assert at + len(data) <= len(getattr(self, name))
        self.queue.append((name, at, data))
        if not self.lazy:
            self.flush()

    def flush(self):
        for name, at, data in self.queue:
            getattr(self, name)[at : at + len(data)] = data
        self.queue = []

    def drawn(self):
        """Positions and values of what is drawn, without the padding; (n, 3), (n,)."""
        self.flush()
        rows = self.indices[: self.count]
        assert np.all(self.positions[0] > 1e38)
        rows = rows[rows > 0]
        return self.positions[rows], self.values[rows]


def chunk(node, rows, *, extra=False, value=0.0):
    """A chunk whose row r lies at (node, r, 0), so that a drawn vertex tells where it comes from."""
    positions = np.zeros((rows, 3), np.float32)
    positions[:, 0], positions[:, 1] = node, np.arange(rows)
    return BuiltChunk(
        positions=positions,
        values=np.full(rows, value, np.float32),
        levels=np.zeros(rows, np.float32),
        extra=positions[:, :2].copy() if extra else None,
        keys=np.zeros(min(rows, 1), np.int64),
        starts=np.array([0, rows] if rows else [0]),
        count=rows,
        vertices=rows,
        fraction=1.0,
    )


def drawn(sink):
    """Sorted (node, row) pairs of everything that is drawn."""
    positions, _ = sink.drawn()
    return sorted(map(tuple, positions[:, :2].astype(int).tolist()))


class PoolAgainstNaive(RuleBasedStateMachine):
    """What is drawn is exactly the committed rows of what is resident, whatever happened before."""

    def __init__(self):
        super().__init__()
        self.pool = PagePool(16 * 12, page_rows=16)
        self.sink = ArraySink(lazy=True)
        self.pool.attach(self.sink)
        self.resident = {}
        self.leaving = {}  # what is drawn of nodes that were exchanged: pages and values
        self.values = {}  # values of what is resident
        self.ranges = []

    @property
    def used(self):
        return sum(-(-n // 16) for n in self.resident.values()) + sum(pages for pages, _ in self.leaving.values())

    @rule(node=st.integers(0, 6), rows=st.integers(0, 60))
    def upload(self, node, rows):
        used = self.used - -(-self.resident.get(node, 0) // 16)
        fits = used + -(-rows // 16) <= self.pool.capacity_rows // 16 - 1
        value = self.new_value(node)
        assert self.pool.upload(node, chunk(node, rows, value=value)) is fits
        if fits:  # else the pool is as before, also what is shown of the node
            self.forget({node})
            self.resident[node], self.values[node] = rows, value

    @rule(data=st.data(), rows=st.integers(0, 60))
    def exchange(self, data, rows):
        """What is drawn stays, and so do its pages."""
        if not self.resident:
            return
        node = data.draw(st.sampled_from(sorted(self.resident)))
        fits = self.used + -(-rows // 16) <= self.pool.capacity_rows // 16 - 1
        value = self.new_value(node)
        assert self.pool.exchange(node, chunk(node, rows, value=value)) is fits
        if fits:
            if node in {shown for shown, _ in self.shown}:
                self.leaving.setdefault(node, (-(-self.resident[node] // 16), self.values[node]))
            self.resident[node], self.values[node] = rows, value

    def new_value(self, node):
        return self.values.get(node, 0.0) + 1

    @rule(nodes=st.sets(st.integers(0, 8)))
    def evict(self, nodes):
        self.pool.evict(nodes)
        self.forget(nodes)

    @rule(data=st.data(), keep=st.sets(st.integers(0, 6)))
    def commit(self, data, keep):
        """Some nodes keep the very ranges they have, others get new ones or none."""
        ranges = [held for held in self.ranges if held[0] in keep and held[2] <= self.resident[held[0]]]
        others = sorted(set(self.resident) - {held[0] for held in ranges})
        for node in data.draw(st.sets(st.sampled_from(others))) if others else ():
            cuts = sorted(data.draw(st.lists(st.integers(0, self.resident[node]), min_size=2, max_size=6)))
            ranges += [(node, *pair) for pair in zip(cuts[::2], cuts[1::2], strict=False)]
        ranges = data.draw(st.permutations(ranges))
        columns = np.array(ranges, dtype=int).reshape(-1, 3).T
        self.ranges, self.leaving = ranges, {}
        assert self.pool.commit(*columns) == len(self.shown)

    @property
    def shown(self):
        return {(node, row) for node, start, stop in self.ranges for row in range(start, stop)}

    def forget(self, nodes):
        self.ranges = [held for held in self.ranges if held[0] not in nodes]
        for node in nodes:
            self.resident.pop(node, None)
            self.leaving.pop(node, None)

    @rule()
    def draw(self):
        self.sink.flush()

    @rule(more=st.integers(0, 40))
    def resize(self, more):
        self.pool.resize(self.pool.capacity_rows - 16 + more)

    @rule()
    def change_sink(self):
        self.pool.detach()
        self.sink = ArraySink(lazy=True)
        self.pool.attach(self.sink)

    @invariant()
    def exactly_the_committed_rows_once(self):
        positions, values = self.sink.drawn()
        found = [(*row, value) for row, value in zip(positions[:, :2].tolist(), values.tolist(), strict=True)]
        drawn_values = self.values | {node: value for node, (_, value) in self.leaving.items()}
        assert sorted(found) == sorted((node, row, drawn_values[node]) for node, row in self.shown)
        assert self.pool.exchanging is bool(self.leaving)
        assert self.pool.shown_vertices == len(self.shown)
        assert set(self.pool.resident) == set(self.resident)
        assert self.pool.free_rows == self.pool.capacity_rows - 16 - 16 * self.used
        assert self.pool.draw_count <= len(self.shown) + 16 * len(self.resident)


PoolAgainstNaive.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPoolAgainstNaive = PoolAgainstNaive.TestCase


@pytest.fixture
def pool():
    pool = PagePool(4096, page_rows=16)
    pool.attach(ArraySink())
    return pool


def test_what_is_not_committed_is_not_drawn(pool):
    assert pool.upload(1, chunk(1, 40))
    assert pool._sink.drawn()[0].size == 0
    assert pool.commit([1], [0], [40]) == 40


def test_a_chunk_in_neighbouring_pages_is_one_write(pool):
    pool.upload(1, chunk(1, 400))
    assert (pool._sink.vertex_writes, pool._sink.value_writes) == (2, 1)  # with the hidden row


def test_fragmented_pages_are_used_up(pool):
    nodes = range(pool.free_rows // 16)
    for node in nodes:
        assert pool.upload(node, chunk(node, 16))
    assert not pool.upload(999, chunk(999, 1))
    pool.evict(list(nodes)[::2])
    assert pool.upload(1000, chunk(1000, 16 * 20))
    pool.commit([1000], [5], [311])
    assert drawn(pool._sink) == [(1000, row) for row in range(5, 311)]


def test_an_unchanged_commit_writes_nothing(pool):
    for node in range(5):
        pool.upload(node, chunk(node, 100))
    pool.commit(range(5), [0] * 5, [100] * 5)
    before = pool._sink.index_writes
    pool.commit([4, 3, 2, 1, 0], [0] * 5, [100] * 5)
    assert pool._sink.index_writes == before
    pool.commit(range(5), [0] * 5, [100, 100, 50, 100, 100])
    assert pool._sink.index_writes == before + 1


def test_evicting_a_shown_node_hides_it_before_its_pages_are_reused(pool):
    pool.upload(1, chunk(1, 20))
    pool.commit([1], [0], [20])
    pool.evict([1])
    pool.upload(2, chunk(2, 20))
    assert pool.shown_vertices == 0
    assert drawn(pool._sink) == []


def test_what_is_exchanged_is_drawn_as_it_was_until_the_commit_that_draws_the_other(pool):
    pool.upload(1, chunk(1, 20, value=3))
    pool.upload(2, chunk(2, 20))
    pool.commit([1, 2], [0, 0], [20, 20])
    writes = pool._sink.index_writes
    assert pool.exchange(1, chunk(1, 50, value=4))
    assert pool.exchanging
    assert (pool.shown_vertices, pool._sink.index_writes) == (40, writes)
    assert (pool.chunk(1).rows, len(pool.values(1))) == (50, 50)
    assert sorted({(len(built.positions), built.values[0]) for built, *_ in pool.drawn()}) == [(20, 0.0), (20, 3.0)]
    prepared = pool.prepare([1, 2], [0, 0], [20, 20])  # the very ranges, of other rows
    assert set(pool._sink.drawn()[1]) == {0.0, 3.0}
    assert pool.show(prepared) == 40
    assert set(pool._sink.drawn()[1]) == {0.0, 4.0}
    assert not pool.exchanging
    assert pool.free_rows == pool.capacity_rows - 16 - 16 * (4 + 2)


def test_an_exchange_for_which_there_is_no_room_changes_nothing(pool):
    pool.upload(1, chunk(1, pool.free_rows - 16))
    pool.commit([1], [0], [20])
    assert not pool.exchange(1, chunk(1, 20))
    assert (pool.shown_vertices, pool.exchanging, pool.free_rows) == (20, False, 16)


def test_what_is_exchanged_changes_its_colours_with_all_others(pool):
    pool.upload(1, chunk(1, 20, value=3))
    pool.commit([1], [0], [20])
    pool.stage(1, chunk(1, 20, value=5))
    pool.exchange(1, chunk(1, 50, value=4))
    assert not pool.is_staged(1)
    pool.stage(1, chunk(1, 50, value=6))
    pool.swap()
    assert set(pool._sink.drawn()[1]) == {5.0}
    pool.commit([1], [0], [50])
    assert set(pool._sink.drawn()[1]) == {6.0}


def test_new_values_move_no_vertex(pool):
    pool.upload(1, chunk(1, 20, value=1))
    pool.commit([1], [0], [20])
    writes = pool._sink.vertex_writes
    pool.stage(1, chunk(1, 20, value=7))
    assert set(pool._sink.drawn()[1]) == {1.0}
    pool.resize(10_000)
    assert set(pool._sink.drawn()[1]) == {1.0}
    writes = pool._sink.vertex_writes
    pool.swap()
    assert pool._sink.vertex_writes == writes
    assert set(pool._sink.drawn()[1]) == {7.0}
    pool.resize(20_000)
    assert set(pool._sink.drawn()[1]) == {7.0}
    with pytest.raises(ValueError, match=r"expected shape \(20,\), got \(3,\)"):
        pool.stage(1, chunk(1, 3))


def test_all_change_in_one_paint_and_what_has_nothing_new_stays(pool):
    for node in (1, 2, 3):
        pool.upload(node, chunk(node, 20, value=node))
    pool.commit([1, 2, 3], [0, 0, 0], [20, 20, 20])
    pool.stage(1, chunk(1, 20, value=7).with_values(np.full(20, 7, np.float32), np.full(20, 2, np.float32)))
    pool.unstage()  # others have been asked for
    assert not pool.is_staged(1)
    pool.stage(2, chunk(2, 20, value=8).with_values(np.full(20, 8, np.float32), np.full(20, 3, np.float32)))
    pool.stage(3, chunk(3, 20, value=9).with_values(np.full(20, 9, np.float32), np.full(20, 4, np.float32)))
    pool.evict([3])
    assert sorted(set(pool._sink.drawn()[1])) == [1, 2]
    pool.swap()
    assert sorted(set(pool._sink.drawn()[1])) == [1, 8]
    rows = pool.index_buffer[pool.index_buffer > 0]
    assert sorted(set(pool._sink.sizes[rows])) == [1, 3]  # 1 where no size is known
    assert [pool.values(node)[0] for node in (1, 2)] == [1, 8]
    assert pool.chunk(2).sizes[0] == 3
    pool.swap()  # nothing is left to change
    assert sorted(set(pool._sink.drawn()[1])) == [1, 8]


def test_what_came_before_the_buffers_is_sent_to_them():
    pool = PagePool(1000, page_rows=16, extra=True)
    pool.upload(3, chunk(3, 30, extra=True, value=2))
    pool.commit([3], [10], [20])
    sink = ArraySink()
    pool.attach(sink)
    assert drawn(sink) == [(3, row) for row in range(10, 20)]
    rows = sink.indices[: sink.count]
    np.testing.assert_array_equal(sink.extra[rows], sink.positions[rows, :2] * (rows > 0)[:, None])


@pytest.mark.parametrize(
    ("ranges", "reason"),
    [
        ([(1, 0, 21)], "range 0:21 of node 1 leaves its chunk"),
        ([(1, -1, 5)], "leaves its chunk"),
        ([(1, 0, 10), (1, 9, 12)], "range 0:10 of node 1 overlaps"),
        ([(7, 0, 1)], r"not resident: \[7\]"),
    ],
)
def test_a_commit_that_cannot_be_drawn_is_refused_and_changes_nothing(pool, ranges, reason):
    pool.upload(1, chunk(1, 20))
    pool.commit([1], [0], [3])
    with pytest.raises(ValueError, match=reason):
        pool.commit(*np.array(ranges).T)
    assert drawn(pool._sink) == [(1, 0), (1, 1), (1, 2)]


def test_clear_gives_everything_back(pool):
    free = pool.free_rows
    pool.upload(1, chunk(1, 20))
    pool.commit([1], [0], [20])
    pool.clear()
    assert (pool.free_rows, pool.shown_vertices, set(pool.resident)) == (free, 0, set())


def test_scattered_slots_are_written_in_few_runs():
    starts, stops = covering_runs(np.arange(0, 10_000, 7), bridge=3, most=8)
    assert len(starts) <= 8
    assert (starts[0], stops[-1]) == (0, 9997)
    starts, stops = covering_runs(np.array([1, 2, 3, 50, 51, 900]), bridge=3, most=8)
    assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == [(1, 4), (50, 52), (900, 901)]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_every_page_is_free_or_handed_out_once(steps):
    free, held, size = FreePages(40, 3), [], 40
    for take, number in steps:
        if take:
            runs = free.take(number)
            assert (runs is None) == (number > size - 3 - len({p for r in held for p in pages_of(r)}))
            if runs is not None:
                assert len(pages_of(runs)) == number
                held.append(runs)
        elif held and number:
            free.give(held.pop(number % len(held)))
        elif not number:
            size += 5
            free.grow(size)
        used = [page for runs in held for page in pages_of(runs)]
        assert len(used) == len(set(used))
        assert all(3 <= page < size for page in used)
        assert free.count == size - 3 - len(used)
    for runs in held:
        free.give(runs)
    assert free.take(size - 3) == [(3, size)]


def pages_of(runs):
    return [page for start, stop in runs for page in range(start, stop)]


def test_a_commit_prepared_before_the_pool_changed_shows_the_same_rows(pool):
    for node in range(3):
        pool.upload(node, chunk(node, 100))
    pool.commit([0, 1], [0, 0], [100, 100])
    prepared = pool.prepare([0, 1, 2], [5, 0, 0], [9, 100, 3])
    pool.upload(7, chunk(7, 33))  # the pool may gain nodes
    pool.evict([1])
    pool.upload(1, chunk(1, 100))
    assert pool.show(prepared) == 107
    assert drawn(pool._sink) == sorted(
        [(0, r) for r in range(5, 9)] + [(1, r) for r in range(100)] + [(2, r) for r in range(3)]
    )


def test_a_prepared_commit_of_a_node_that_went_is_refused(pool):
    pool.upload(1, chunk(1, 20))
    prepared = pool.prepare([1], [0], [20])
    pool.evict([1])
    with pytest.raises(ValueError, match="not resident"):
        pool.show(prepared)
    assert drawn(pool._sink) == []


def test_pages_are_divided_anew_only_while_nothing_lies_in_them():
    pool, sink = PagePool(256 * 4), ArraySink()
    pool.attach(sink)
    assert pool.upload(1, chunk(1, 20))
    with pytest.raises(RuntimeError, match="evict"):
        pool.set_page_rows(16)
    pool.evict([1])
    pool.set_page_rows(16)
    fitting = [node for node in range(64) if pool.upload(node, chunk(node, 16))]
    assert fitting == list(range(64))  # four pages of 256 rows are 64 of 16
    pool.commit(range(64), [0] * 64, [16] * 64)
    assert drawn(sink) == [(node, row) for node in range(64) for row in range(16)]


def segments(node, rows, vertices):
    """Four corners a row; corner c of row r lies at (node, r, c). Rows draw one vertex each, the last ones the last."""
    positions = np.zeros((4 * rows, 3), np.float32)
    positions[:, 0], positions[:, 1], positions[:, 2] = node, np.repeat(np.arange(rows), 4), np.tile(range(4), rows)
    return BuiltChunk(
        positions=positions,
        values=np.zeros(4 * rows, np.float32),
        levels=np.zeros(4 * rows, np.float32),
        extra=None,
        keys=np.zeros(min(rows, 1), np.int64),
        starts=np.array([0, rows] if rows else [0]),
        count=vertices,
        fraction=1.0,
        corners=4,
        others=positions[:, ::-1].copy(),
        sizes=np.ones(4 * rows, np.float32),
        cost=np.minimum(np.arange(rows + 1), vertices),
        vertices=vertices,
        drawn=np.minimum(np.arange(rows), max(0, vertices - 1)).astype(np.int32)[:, None],
    )


@given(st.data())
def test_rows_of_several_corners_are_drawn_whole_in_the_order_of_their_pattern(data):
    pattern = (0, 1, 2, 2, 1, 3)
    pool, sink = PagePool(16 * 12, page_rows=16, pattern=pattern), ArraySink(lazy=True)
    pool.attach(sink)
    rows = {node: data.draw(st.integers(0, 40)) for node in range(3)}
    counts = {node: data.draw(st.integers(0, rows[node])) for node in rows}
    for node in rows:
        assert pool.upload(node, segments(node, rows[node], counts[node]))
    ranges = [(node, *sorted(data.draw(st.integers(0, rows[node])) for _ in range(2))) for node in rows]
    pool.commit(*np.array(ranges).T)
    sink.flush()
    indices = sink.indices[: sink.count].reshape(-1, len(pattern))
    indices = indices[indices[:, 0] > 0]
    drawn = sink.positions[indices]  # (rows, 6, 3)
    assert (drawn[:, :, 2] == pattern).all()
    assert (drawn[:, :, :2] == drawn[:, :1, :2]).all()
    assert np.array_equal(sink.others[indices], drawn[:, :, ::-1])
    found = sorted(map(tuple, drawn[:, 0, :2].astype(int).tolist()))
    assert found == sorted((node, row) for node, low, high in ranges for row in range(low, high))
    vertices = [len({min(row, counts[node] - 1) for row in range(low, high)}) for node, low, high in ranges]
    vertices = np.minimum(vertices, [counts[node] for node, _, _ in ranges])
    assert pool.shown_vertices == vertices.sum()
    assert (sink.positions[:4] > 1e38).all(), "padding draws corners that lie nowhere"
    pool.evict([0])
    assert pool.shown_vertices == vertices[1:].sum()
