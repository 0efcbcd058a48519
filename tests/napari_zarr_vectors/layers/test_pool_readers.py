"""What other threads read of a pool while it changes, and what they free."""

from __future__ import annotations

import weakref

from napari_zarr_vectors._layers._pool import PagePool
from tests.napari_zarr_vectors.layers.test_pool import ArraySink, chunk


class ReadingSink(ArraySink):
    """Reads what is drawn whenever something is sent, as another thread may: rows and the chunk that they are of."""

    def __init__(self):
        super().__init__()
        self.pool = None
        self.read = []

    def show(self, count):
        super().show(count)
        if self.pool is not None:
            found = self.pool.drawn()
            assert all(stops.max() <= built.rows == len(values) for built, values, _, stops in found)
            self.read.append([(built.rows, values[0], stops.tolist()) for built, values, _, stops in found])


def test_rows_are_read_with_the_chunk_that_they_are_of_whatever_is_under_way():
    sink, pool = ReadingSink(), PagePool(16 * 12, page_rows=16)
    pool.attach(sink)
    sink.pool = pool
    pool.upload(1, chunk(1, 20, value=3))
    pool.upload(2, chunk(2, 30, value=5))
    pool.commit([1, 2], [0, 0], [20, 30])
    pool.exchange(1, chunk(1, 50, value=4))
    pool.stage(2, chunk(2, 30, value=6))
    pool.swap()
    pool.commit([1, 2], [0, 0], [50, 30])
    pool.exchange(1, chunk(1, 10, value=7))
    pool.evict([2])
    pool.commit([1], [0], [10])
    assert sink.read == [
        [(20, 3.0, [20]), (30, 5.0, [30])],
        [(20, 3.0, [20]), (30, 6.0, [30])],
        [(50, 4.0, [50]), (30, 6.0, [30])],
        [(50, 4.0, [50])],
        [(10, 7.0, [10])],
    ]


def test_the_table_before_is_let_go_by_whoever_prepares_the_next_commit():
    pool = PagePool(16 * 12, page_rows=16)
    pool.upload(1, chunk(1, 10))
    pool.commit([1], [0], [10])
    before = weakref.ref(pool._slots)
    pool.commit([1], [0], [5])
    assert before() is not None, "to free it takes the GUI thread a third of a millisecond"
    pool.prepare([1], [0], [3])
    assert before() is None
