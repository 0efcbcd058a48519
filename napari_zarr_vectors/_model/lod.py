"""What a person may set and read about level of detail: the object behind ``layer.lod``.

Only intent and numbers live here. The controller listens to the signals, does the work and installs the
function that says how far it got; without a controller the status is all zero and incomplete.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar, Literal

from psygnal import Signal, SignalGroupDescriptor

from napari_zarr_vectors._model.names import check_name
from napari_zarr_vectors._model.timings import Timings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["LodControl", "LodStatus"]

Budget = int | Literal["auto"]


@dataclass(frozen=True, slots=True)
class LodStatus:
    """How much of the newest plan is on the screen.

    Attributes
    ----------
    shown_vertices : int
        Vertices that are drawn, stand-ins included; never above `budget`.
    budget : int
        The number in force (also while the intent is "auto").
    levels : frozenset of int
        Levels that are drawn.
    wanted, loading, failed : int
        Chunks: asked for and not resident, being read, given up.
    complete : bool
        A plan made after the last change of the view is wholly shown, except what failed.
    generation : int
        Number of the newest plan.
    """

    shown_vertices: int = 0
    budget: int = 0
    levels: frozenset[int] = frozenset()
    wanted: int = 0
    loading: int = 0
    failed: int = 0
    complete: bool = False
    generation: int = 0


def _whole(value: object, name: str, lowest: int, other: str) -> int:
    whole = isinstance(value, Integral) or (isinstance(value, Real) and float(value).is_integer())
    if isinstance(value, bool) or not whole or int(value) < lowest:  # type: ignore[call-overload]  # whole implies int()
        msg = f"{name} must be a whole number >= {lowest} or {other}, got {value!r}"
        raise ValueError(msg)
    return int(value)  # type: ignore[call-overload, no-any-return]  # whole implies int()


@dataclass(eq=False)
class LodControl:
    """Budget, level lock, status and timings of one streaming layer.

    ``lod.events.budget`` and ``lod.events.level`` are psygnal signals that carry the new value;
    ``lod.retry`` is one too: connect to it, or call it to have failed chunks read again.

    Attributes
    ----------
    budget : int or "auto"
        Vertices that may be shown; "auto" leaves the number to the measured frame time.
    level : int or None
        The one level that is shown, 0 the finest; None leaves it to the camera.

    Raises
    ------
    ValueError
        When a value is set that is not one of these, or a level that the layer's store has not; the value before stays.
    AttributeError
        When a name is set that is none of these.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    retry: ClassVar[Signal] = Signal()

    budget: Budget = "auto"
    level: int | None = None
    timings: Timings = field(default_factory=Timings)

    def __post_init__(self) -> None:
        self._provider: Callable[[], LodStatus] = LodStatus
        self._levels: tuple[int, ...] | None = None

    def __setattr__(self, name: str, value: object) -> None:
        check_name(self, name)
        if name == "budget" and value != "auto":
            value = _whole(value, "budget", 1, "'auto'")
        elif name == "level" and value is not None:
            value = _whole(value, "level", 0, "None")
            self._check_level(value, getattr(self, "_levels", None))
        object.__setattr__(self, name, value)

    def bind_levels(self, levels: Iterable[int]) -> None:
        """Refuse other levels than these from now on, and the one that is set if it is none of them."""
        self._levels = tuple(levels)
        if self.level is not None:
            self._check_level(self.level, self._levels)

    @staticmethod
    def _check_level(level: int, levels: tuple[int, ...] | None) -> None:
        if levels is not None and level not in levels:
            msg = f"level must be None or one of {', '.join(map(str, levels))}, got {level!r}"
            raise ValueError(msg)

    @property
    def status(self) -> LodStatus:
        """The state at this very moment."""
        return self._provider()

    def set_status_provider(self, provider: Callable[[], LodStatus] | None) -> None:
        """Have `provider` answer every read of `status`; None goes back to the empty one."""
        self._provider = LodStatus if provider is None else provider
