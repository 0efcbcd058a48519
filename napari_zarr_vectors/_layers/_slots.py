"""The index buffer on the CPU: slots of equal size that are always one contiguous run. Pure numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["SlotTable"]

IntArray = npt.NDArray[np.int64]
Uint32Array = npt.NDArray[np.uint32]


class SlotTable:
    """Slots of indices, each with an owner.

    Parameters
    ----------
    slot_size : int
        Indices of a slot.
    slots : int
        Room for so many is made.

    Attributes
    ----------
    indices : (capacity, slot_size) uint32
        Slots ``0 .. count - 1`` are in use. They never change: other slots are another table.
    owners : (capacity,) int64
    count : int
    """

    def __init__(self, slot_size: int, slots: int = 0) -> None:
        self.indices: Uint32Array = np.full((slots, slot_size), 0, dtype=np.uint32)
        self.owners: IntArray = np.full(slots, -1, dtype=np.int64)
        self.count = 0

    @property
    def slot_size(self) -> int:
        """Indices of a slot."""
        return int(self.indices.shape[1])

    def divided(self, slot_size: int) -> SlotTable:
        """Give this table's memory, of which nothing is in use, as slots of another size; it divides the old one."""
        other = SlotTable(slot_size)
        other.indices = self.indices.reshape(-1, slot_size)
        other.owners = np.full(len(other.indices), -1, dtype=np.int64)
        return other

    def replaced(
        self, leaving: npt.NDArray[np.bool_], owners: IntArray, block: Uint32Array
    ) -> tuple[SlotTable, IntArray]:
        """Give a table without the slots of some owners and with others; this one stays, for whoever draws from it.

        Freed slots are filled with new ones, then with the last ones, so that no gap stays.

        Parameters
        ----------
        leaving : (owners,) bool
            By owner: its slots go.
        owners : (k,) int64
            Of the new slots.
        block : (k, slot_size) uint32
            The new slots.

        Returns
        -------
        table : SlotTable
        changed : (n,) int64
            Slots that have changed, ascending.
        """
        freed = np.flatnonzero(leaving[self.owners[: self.count]])
        new = len(owners)
        behind = max(0, new - len(freed))
        targets = np.concatenate([freed[:new], np.arange(self.count, self.count + behind)])
        table = self._copy(self.count + behind)
        table.indices[targets] = block
        table.owners[targets] = owners
        moved = table._close(freed[new:]) if new < len(freed) else freed[:0]
        dirty = np.sort(np.concatenate([targets, moved]))
        return table, dirty[dirty < table.count]

    def _copy(self, slots: int) -> SlotTable:
        """Give the same with so many slots in use, and room for them."""
        have, size = self.indices.shape
        other = SlotTable(size)
        room = have if slots <= have else max(slots, 2 * have, 64)
        other.indices = np.empty((room, size), dtype=np.uint32)
        other.owners = np.empty(room, dtype=np.int64)
        other.indices[: self.count], other.owners[: self.count] = self.indices[: self.count], self.owners[: self.count]
        other.count = slots
        return other

    def _close(self, holes: IntArray) -> IntArray:
        """Fill (h,) ascending holes with the last slots; returns the holes that were filled."""
        end = self.count - len(holes)
        low = holes[holes < end]
        last = np.setdiff1d(np.arange(end, self.count), holes, assume_unique=True)
        self.indices[low] = self.indices[last]
        self.owners[low] = self.owners[last]
        self.count = end
        return low
