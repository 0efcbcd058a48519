"""Where the bundles of the white matter run: waypoints in millimetres, right side, ``(x, y, z)`` = right, front, up.

A *way* is one run of waypoints. A bundle is a grid of ways: along its rows and columns lines change smoothly from one
way to the next, so that two ways make a sheet and four a fan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["BUNDLES", "Bundle"]

Point = tuple[float, float, float]
Way = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle of both sides, or across.

    Attributes
    ----------
    name
    share
        Of all lines.
    ways : rows of columns of ways
        All of the same number of waypoints.
    spread : one a waypoint
        How far lines scatter around their place in the bundle, mm.
    ends
        Whether the first and the last waypoint are carried on to the cortex.
    across
        The ways end at the midline, and their mirror images carry on.
    parted
        Lines join and leave on the way: each runs along a part of it.
    cerebellar
        The first waypoint is carried on to the cortex of the cerebellum.
    """

    name: str
    share: float
    ways: tuple[tuple[Way, ...], ...]
    spread: tuple[float, ...]
    ends: tuple[bool, bool] = (True, True)
    across: bool = False
    parted: bool = False
    cerebellar: bool = False

    def grid(self) -> npt.NDArray[np.float64]:
        """Give the waypoints as ``(rows, columns, K, 3)``."""
        return np.array(self.ways, np.float64)


_CALLOSUM = Bundle(
    "corpus callosum",
    0.27,
    (
        (
            ((10, 66, -6), (12, 52, -4), (9, 37, -2), (0, 29, 0)),
            ((37, 54, -4), (28, 46, 0), (13, 36, 1), (0, 30, 3)),
        ),
        (
            ((9, 68, 22), (12, 54, 18), (10, 37, 12), (0, 32, 10)),
            ((44, 48, 20), (32, 42, 18), (15, 34, 14), (0, 31, 12)),
        ),
        (
            ((9, 38, 60), (13, 30, 45), (12, 20, 29), (0, 17, 24)),
            ((54, 25, 38), (38, 22, 33), (18, 17, 28), (0, 15, 25)),
        ),
        (
            ((9, 0, 74), (14, -2, 55), (13, -3, 34), (0, -3, 28)),
            ((60, -5, 40), (42, -5, 37), (20, -4, 32), (0, -5, 28)),
        ),
        (
            ((9, -35, 72), (14, -30, 55), (13, -24, 33), (0, -21, 26)),
            ((60, -32, 38), (42, -28, 36), (20, -24, 31), (0, -23, 26)),
        ),
        (
            ((9, -70, 55), (15, -58, 42), (16, -42, 24), (0, -36, 17)),
            ((50, -66, 30), (38, -56, 27), (22, -42, 22), (0, -37, 15)),
        ),
        (
            ((8, -98, 12), (18, -80, 14), (20, -50, 13), (0, -39, 10)),
            ((36, -92, 4), (32, -74, 9), (24, -50, 12), (0, -39, 8)),
        ),
    ),
    (5.0, 2.6, 1.4, 1.0),
    ends=(True, False),
    across=True,
)

_CORTICOSPINAL = Bundle(
    "cortico-spinal tract",
    0.09,
    (
        (((8, -28, 76), (16, -25, 50), (23, -20, 14), (14, -19, -10), (7.5, -24, -32), (5, -36, -62)),),
        (((32, -22, 68), (27, -21, 46), (25, -19, 14), (15, -18, -10), (8, -23, -32), (5.5, -35, -62)),),
        (((58, -6, 38), (43, -12, 33), (27, -17, 14), (16, -17, -10), (8.5, -22, -32), (6, -34, -62)),),
    ),
    (4.5, 2.6, 1.5, 1.5, 1.5, 1.6),
    ends=(True, False),
)

_THALAMIC = Bundle(
    "thalamic radiation",
    0.12,
    (
        (
            ((10, 62, 20), (16, 44, 20), (18, 16, 12), (9, -10, 8)),
            ((40, 46, 22), (30, 34, 20), (20, 14, 13), (11, -10, 9)),
        ),
        (
            ((12, 35, 58), (20, 22, 42), (20, 2, 20), (11, -14, 11)),
            ((50, 20, 40), (36, 12, 30), (24, 0, 18), (13, -14, 10)),
        ),
        (
            ((12, -50, 68), (22, -42, 48), (23, -28, 22), (13, -22, 12)),
            ((56, -42, 42), (40, -36, 34), (27, -27, 19), (15, -22, 10)),
        ),
        (
            ((10, -95, 8), (22, -76, 12), (30, -48, 8), (18, -26, 4)),
            ((34, -88, 2), (34, -70, 4), (34, -46, 2), (20, -26, 2)),
        ),
    ),
    (5.0, 2.8, 1.8, 1.6),
    ends=(True, False),
)

_ARCUATE = Bundle(
    "arcuate fasciculus",
    0.075,
    (
        (
            ((52, 24, 8), (43, 10, 24), (36, -12, 31), (35, -36, 30), (42, -51, 15), (48, -42, -2), (60, -26, -10)),
            ((53, 10, 32), (45, 0, 34), (39, -15, 37), (39, -40, 34), (47, -55, 17), (52, -48, -2), (62, -46, -4)),
        ),
    ),
    (4.0, 2.4, 1.8, 1.8, 2.0, 2.4, 4.5),
)

_LONGITUDINAL_UPPER = Bundle(
    "superior longitudinal fasciculus",
    0.055,
    (
        (
            ((40, 42, 24), (38, 25, 32), (34, 0, 38), (34, -30, 40), (40, -52, 40), (50, -62, 36)),
            ((24, 34, 50), (26, 20, 48), (27, -2, 48), (28, -30, 50), (30, -52, 50), (30, -70, 52)),
        ),
    ),
    (4.0, 2.4, 1.8, 1.8, 2.4, 4.5),
)

_CINGULUM = Bundle(
    "cingulum",
    0.055,
    (
        (
            (
                (8, 50, -8),
                (8, 42, 14),
                (8.5, 24, 31),
                (9, 0, 38),
                (9.5, -28, 37),
                (12, -47, 24),
                (19, -44, 2),
                (25, -24, -15),
                (27, -6, -24),
            ),
        ),
    ),
    (3.0, 2.0, 1.6, 1.5, 1.6, 1.7, 1.9, 1.9, 2.6),
    ends=(False, False),
    parted=True,
)

_FRONTO_OCCIPITAL = Bundle(
    "inferior fronto-occipital fasciculus",
    0.055,
    (
        (
            ((16, 64, -6), (24, 42, -8), (30, 18, -9), (32, 0, -10),
             (34, -24, -5), (34, -50, -2), (28, -76, 0), (12, -98, 2)),
            ((42, 44, 8), (34, 32, -1), (32, 18, -7), (33, 0, -9),
             (36, -24, -3), (37, -50, 2), (34, -74, 8), (28, -90, 14)),
        ),
    ),
    (4.5, 2.6, 1.6, 1.4, 1.7, 2.2, 3.0, 5.0),
)  # fmt: skip

_LONGITUDINAL_LOWER = Bundle(
    "inferior longitudinal fasciculus",
    0.05,
    (
        (
            ((46, 12, -34), (45, -8, -25), (41, -32, -16), (38, -56, -9), (28, -80, -5), (14, -97, -2)),
            ((60, -8, -18), (52, -18, -16), (44, -36, -11), (42, -58, -5), (36, -78, 2), (30, -90, 6)),
        ),
    ),
    (4.0, 2.4, 1.9, 2.0, 3.0, 4.5),
)

_UNCINATE = Bundle(
    "uncinate fasciculus",
    0.03,
    (
        (
            ((16, 54, -14), (22, 34, -14), (29, 14, -12), (34, 3, -17), (37, 4, -27), (36, 16, -38)),
            ((36, 44, -8), (32, 30, -9), (33, 13, -10), (37, 2, -17), (42, 2, -27), (48, 12, -34)),
        ),
    ),
    (4.0, 2.2, 1.4, 1.4, 2.0, 4.0),
)

_FORNIX = Bundle(
    "fornix",
    0.016,
    ((((27, -18, -19), (26, -34, -9), (18, -42, 9), (6, -31, 21), (3, -11, 20), (3, 3, 9), (3, 1, -8)),),),
    (1.8, 1.4, 1.1, 0.8, 0.7, 0.7, 0.9),
    ends=(False, False),
)

_OPTIC = Bundle(
    "optic radiation",
    0.04,
    (
        (
            ((22, -24, -3), (30, -8, -7), (38, -20, -8), (38, -48, -4), (27, -78, 0), (9, -97, -2)),
            ((22, -25, 0), (27, -25, 2), (33, -36, 5), (33, -54, 7), (23, -80, 11), (9, -95, 16)),
        ),
    ),
    (1.4, 1.5, 1.6, 1.8, 2.6, 4.0),
    ends=(False, True),
)

_ANTERIOR = Bundle(
    "anterior commissure",
    0.012,
    ((((46, 6, -34), (34, 4, -19), (20, 6, -6), (0, 4, -4)),),),
    (4.0, 2.0, 0.9, 0.7),
    ends=(True, False),
    across=True,
)

_PEDUNCLE = Bundle(
    "middle cerebellar peduncle",
    0.055,
    (
        (
            ((30, -84, -34), (27, -66, -36), (18, -40, -33), (0, -19, -30)),
            ((16, -82, -22), (20, -64, -28), (17, -40, -30), (0, -18, -25)),
        ),
        (
            ((48, -66, -38), (38, -58, -38), (21, -39, -34), (0, -19, -33)),
            ((20, -74, -52), (24, -60, -45), (18, -40, -36), (0, -21, -37)),
        ),
    ),
    (4.0, 2.4, 1.4, 1.3),
    ends=(False, False),
    across=True,
    cerebellar=True,
)

BUNDLES = (
    _CALLOSUM,
    _CORTICOSPINAL,
    _THALAMIC,
    _ARCUATE,
    _LONGITUDINAL_UPPER,
    _CINGULUM,
    _FRONTO_OCCIPITAL,
    _LONGITUDINAL_LOWER,
    _UNCINATE,
    _FORNIX,
    _OPTIC,
    _ANTERIOR,
    _PEDUNCLE,
)
"""What their shares leave of 1 are short fibres between neighbouring gyri."""
