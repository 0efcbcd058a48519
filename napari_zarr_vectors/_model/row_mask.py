"""Which rows of a table are chosen, as clicks and drags change it: a mask. Pure.

What a drag covers is provisional until the next click: it comes anew with each move of the mouse.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Change", "RowMask"]

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Change = Literal["select", "deselect", "toggle", "none"]


class RowMask:
    """Chosen ones of `count` rows."""

    def __init__(self, count: int) -> None:
        self._base = np.zeros(count, bool)
        self._rows, self._change = np.empty(0, np.int64), "none"
        self.mask: BoolArray = self._base.copy()
        """Which rows are chosen, (count,); not to be changed."""

    def apply(self, rows: Int64Array, change: Change, *, clears: bool, is_drag: bool) -> None:
        """Change what is chosen.

        Parameters
        ----------
        rows : (k,) int64
        change : "select", "deselect", "toggle" or "none"
        clears : bool
            Whether nothing else stays chosen.
        is_drag : bool
            Whether this takes the place of the change before.
        """
        if clears:
            self._base[:] = False
            self._rows, self._change = rows[:0], "none"
        if not is_drag:
            self._base = self.mask.copy() if not clears else self._base
            self._rows, self._change = rows[:0], "none"
        if change != "none":
            self._rows, self._change = rows, change
        self.mask = self._merged()

    def set_rows(self, rows: Int64Array) -> None:
        """Choose exactly these."""
        self.apply(rows, "select", clears=True, is_drag=False)

    def _merged(self) -> BoolArray:
        out = self._base.copy()
        if self._change == "toggle":
            out[self._rows] = ~out[self._rows]
        elif self._change != "none":
            out[self._rows] = self._change == "select"
        return out
