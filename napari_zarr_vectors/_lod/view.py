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
    from collections.abc import Iterator

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
        Of the visible half-spaces.
    lift : (L, P, 1) float64
        Their offsets, moved outwards by the tolerance and by half a level's box.
    width : (L, P, 1) float64
        Width of a level's box along each normal.
    slab_axes : (s,) intp
        Axes along which the slab is bounded.
    scale : (d,) float64 or float
        World units per data unit, absolute.
    half_world : (L, d) or (L, 1) float64
        Half edges, displayed axes; one for all axes where they are equal, and likewise `scale`.
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
    lift: Float64Array
    width: Float64Array
    slab_axes: npt.NDArray[np.intp]
    scale: Float64Array | float
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

    def visible(self, level: int, nodes: Nodes, place: Float64Array) -> BoolArray:
        """Tell which boxes of a tree level are visible.

        Chunks are half-open: a slab that ends on the border of two chunks shows the upper one only.
        """
        away: Float64Array = self.normals @ place.T  # (P, n): reducing the first axis is several times faster
        away += self.lift[level]
        seen: BoolArray = np.logical_and.reduce(away >= 0, axis=0)
        for low, high, lo, hi in self._slab(level, nodes):
            seen &= (low <= hi) & (high >= lo)
        return seen

    def inside(self, level: int, nodes: Nodes, place: Float64Array) -> tuple[BoolArray, BoolArray]:
        """Tell which boxes of a tree level are `visible` and which of them wholly so."""
        away: Float64Array = self.normals @ place.T
        away += self.lift[level]
        seen = np.logical_and.reduce(away >= 0, axis=0)
        whole = np.logical_and.reduce(away >= self.width[level], axis=0)
        for low, high, lo, hi in self._slab(level, nodes):
            seen &= (low <= hi) & (high >= lo)
            whole &= (low >= lo) & (high <= hi)
        return seen, whole

    def _slab(self, level: int, nodes: Nodes) -> Iterator[tuple[Float64Array, Float64Array, float, float]]:
        """Give the ends of boxes and of the slab along each axis on which the slab is bounded."""
        for axis, shift in zip(self.slab_axes, self.slab_shift, strict=True):
            center = self.tree.center[nodes, axis]
            half = self.tree.half[level, axis]
            yield center - half - shift, center + half - shift, self.camera.slab_lo[axis], self.camera.slab_hi[axis]

    def px_per_unit(self, level: int | Nodes, place: Float64Array) -> Float64Array:
        """Pixels per world unit at each box's point nearest to the eye, (n,); of one level, or of one each."""
        if self.camera.eye is None:
            return np.full(len(place), abs(self.camera.focal_px), np.float64)
        away = place - self.camera.eye
        np.abs(away, out=away)
        away *= self.scale
        away -= self.half_world[level]
        np.maximum(away, 0.0, out=away)
        px: Float64Array = np.einsum("ij,ij->i", away, away)
        np.sqrt(px, out=px)
        np.maximum(px, _NEAR, out=px)
        return np.divide(abs(self.camera.focal_px), px, out=px)

    def area(self, level: int | Nodes, px_per_unit: Float64Array) -> Float64Array:
        """Pixels that a box covers at most, (n,); of one level, or of one each."""
        area: Float64Array = self.face[level] * px_per_unit
        area *= px_per_unit
        return np.minimum(area, self.area_px, out=area)

    def error(self, level: int, place: Float64Array, count: npt.NDArray[np.integer]) -> Float64Array:
        """Screen error of drawing boxes by themselves: 1 is just good enough, the finest level 0. Never NaN."""
        if level == len(self.tree.levels) - 1:
            return np.zeros(len(place))
        px = self.px_per_unit(level, place)
        density = self.area(level, px)
        density /= np.maximum(count, 1)
        np.sqrt(density, out=density)
        density /= self.rho_px
        px *= self.geometry[level]
        error = np.fmin(px, density, out=px)
        np.fmax(error, 0.0, out=error)
        return np.fmin(error, ERROR_MAX, out=error)

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
    d, D = len(axes), tree.half.shape[1]
    as_stored = camera.displayed == tuple(range(D))
    normals, offsets = camera.planes[:, :d], camera.planes[:, d]
    steep = np.abs(normals)
    half, resolution = (a if as_stored else a.take(axes, axis=1) for a in (tree.half, tree.resolution))
    scale = np.abs(camera.axis_scale)
    half_world = half * scale
    cubes = bool((half_world == half_world[:, :1]).all())
    extent = 2 * half_world
    extent.sort(axis=1)
    worst = (resolution * scale).max(axis=1, initial=0.0)
    finest = tree.half[-1] if len(tree.half) else np.zeros(D)
    reach = half @ steep.T  # (L, P)
    slab_axes = ((camera.slab_lo != -np.inf) | (camera.slab_hi != np.inf)).nonzero()[0]
    return View(
        tree=tree,
        camera=camera,
        axes=axes,
        normals=normals,
        lift=(offsets + steep @ finest[axes] * _EDGE + reach)[:, :, None],
        width=(2 * reach)[:, :, None],
        slab_axes=slab_axes,
        scale=float(scale[0]) if (scale == scale[0]).all() else scale,
        half_world=half_world[:, :1] if cubes else half_world,
        geometry=np.where(worst > 0, worst / options.tau_px, np.inf),
        face=extent[:, -1] * extent[:, -2],
        rho_px=options.rho_px,
        area_px=max(float(camera.canvas_px[0]) * float(camera.canvas_px[1]), 0.0),
        slab_shift=finest[slab_axes] * _EDGE,
        as_stored=as_stored,
    )
