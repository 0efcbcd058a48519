"""What a camera sees of a tree's boxes: inside or not, pixels per unit, screen error, nearness to the centre.

A camera and a tree make a `View` once a plan; its arrays over "L" are per tree level, so that a node costs only
its own arithmetic. "d" are the displayed axes in the canvas's order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.camera import CameraState
    from napari_zarr_vectors._lod.options import LodOptions
    from napari_zarr_vectors._lod.tree import Tree

__all__ = ["ERROR_MAX", "View", "make_view"]

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.integer]

ERROR_MAX = 2.0**16
"""Errors end here: an eye inside a box has an infinite one."""
_NEAR = 1e-12
"""Smallest distance from the eye, world units."""
_EDGE = 1e-8
"""Tolerance of the box tests, in edges of the finest chunk; far above rounding, far below a pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A camera, made ready for one tree.

    Attributes
    ----------
    tree : Tree
    camera : CameraState
    axes : (d,) intp
        Displayed data axes.
    normals : (P, d) float64
    offsets : (P,) float64
        Visible half-spaces, moved outwards by the tolerance.
    reach : (L, P) float64
        Half width of a level's box along each normal.
    slab_axes : (s,) intp
        Axes along which the slab is bounded.
    scale : (d,) float64
        World units per data unit, absolute.
    half_world : (L, d) float64
        Half edges, displayed axes.
    geometry : (L,) float64
        Largest displacement of a vertex over `tau_px`, world units per pixel; inf where the level's geometry is
        perfect, so that only its density counts.
    face : (L,) float64
        Area of the two longest displayed edges, world units squared.
    rho_px : float
    area_px : float
        Area of the canvas.
    slab_shift : (s,) float64
        Moves the half-open test of the slab off the edges of chunks.
    as_stored : bool
        Whether the canvas shows all axes in the order of the store.
    """

    tree: Tree
    camera: CameraState
    axes: npt.NDArray[np.intp]
    normals: Float64Array
    offsets: Float64Array
    reach: Float64Array
    slab_axes: npt.NDArray[np.intp]
    scale: Float64Array
    half_world: Float64Array
    geometry: Float64Array
    face: Float64Array
    rho_px: float
    area_px: float
    slab_shift: Float64Array
    as_stored: bool

    def place(self, nodes: Nodes) -> Float64Array:
        """Gather the boxes' centres along the displayed axes, (n, d)."""
        center = self.tree.center.take(nodes, axis=0)
        return center if self.as_stored else center.take(self.axes, axis=1)

    def inside(self, level: int, nodes: Nodes, place: Float64Array) -> tuple[BoolArray, BoolArray]:
        """Tell which boxes of a tree level are visible and which of them wholly so.

        Chunks are half-open: a slab that ends on the border of two chunks shows the upper one only.
        """
        away = self.normals @ place.T  # (P, n): reducing the first axis is several times faster
        away += (self.offsets + self.reach[level])[:, None]
        seen = away.min(axis=0, initial=np.inf) >= 0
        away -= 2 * self.reach[level][:, None]
        whole = away.min(axis=0, initial=np.inf) >= 0
        for axis, shift in zip(self.slab_axes, self.slab_shift, strict=True):
            center = self.tree.center[nodes, axis]
            low = center - self.tree.half[level, axis] - shift
            high = center + self.tree.half[level, axis] - shift
            lo, hi = self.camera.slab_lo[axis], self.camera.slab_hi[axis]
            seen &= (low <= hi) & (high >= lo)
            whole &= (low >= lo) & (high <= hi)
        return seen, whole

    def px_per_unit(self, level: int, place: Float64Array) -> Float64Array:
        """Pixels per world unit at each box's point nearest to the eye, (n,)."""
        if self.camera.eye is None:
            return np.full(len(place), abs(self.camera.focal_px))
        away = place - self.camera.eye
        np.abs(away, out=away)
        away *= self.scale
        away -= self.half_world[level]
        np.maximum(away, 0.0, out=away)
        distance = np.sqrt(np.einsum("ij,ij->i", away, away))
        return np.asarray(abs(self.camera.focal_px) / np.maximum(distance, _NEAR))

    def area(self, level: int, px_per_unit: Float64Array) -> Float64Array:
        """Pixels that a box covers at most, (n,)."""
        return np.asarray(np.minimum(self.face[level] * px_per_unit * px_per_unit, self.area_px))

    def error(self, level: int, place: Float64Array, count: npt.NDArray[np.integer]) -> Float64Array:
        """Screen error of drawing boxes by themselves: 1 is just good enough, the finest level 0. Never NaN."""
        if level == len(self.tree.levels) - 1:
            return np.zeros(len(place))
        px = self.px_per_unit(level, place)
        density = np.sqrt(self.area(level, px) / np.maximum(count, 1))
        density /= self.rho_px
        error = np.fmin(self.geometry[level] * px, density)
        return np.asarray(np.fmin(np.fmax(error, 0.0), ERROR_MAX))

    def fovea(self, place: Float64Array) -> Float64Array:
        """Weight of each box by its nearness to the middle of the canvas, 0.4 to 1, (n,)."""
        camera = self.camera
        away = (place - (camera.focus if camera.eye is None else camera.eye)) * self.scale
        along = away @ camera.forward
        square = np.einsum("ij,ij->i", away, away)
        if camera.eye is None:
            radius = 0.5 * max(*camera.canvas_px, 1.0)
            off = np.maximum(square - along * along, 0.0) * (camera.focal_px / radius) ** 2
            near = 1 / (1 + off)
        else:
            near = along / np.maximum(np.sqrt(square), _NEAR)
        return np.asarray(0.4 + 0.6 * np.fmin(np.fmax(near, 0.0), 1.0))


def make_view(camera: CameraState, tree: Tree, options: LodOptions) -> View:
    """Gather what every box test of one plan needs."""
    axes = np.array(camera.displayed, dtype=np.intp)
    d = len(axes)
    normals, offsets = camera.planes[:, :d], camera.planes[:, d]
    half = tree.half[:, axes]  # (L, d)
    scale = np.abs(camera.axis_scale)
    extent = np.sort(2 * half * scale, axis=1)
    worst = (tree.resolution[:, axes] * scale).max(axis=1, initial=0.0)
    finest = tree.half[-1] if len(tree.half) else np.zeros(tree.half.shape[1])
    slab_axes = np.flatnonzero(~((camera.slab_lo == -np.inf) & (camera.slab_hi == np.inf)))
    return View(
        tree=tree,
        camera=camera,
        axes=axes,
        normals=normals,
        offsets=offsets + np.abs(normals) @ finest[axes] * _EDGE,
        reach=half @ np.abs(normals).T,
        slab_axes=slab_axes,
        scale=scale,
        half_world=half * scale,
        geometry=np.where(worst > 0, worst / options.tau_px, np.inf),
        face=extent[:, -1] * extent[:, -2],
        rho_px=options.rho_px,
        area_px=max(float(camera.canvas_px[0]) * float(camera.canvas_px[1]), 0.0),
        slab_shift=finest[slab_axes] * _EDGE,
        as_stored=camera.displayed == tuple(range(tree.half.shape[1])),
    )
