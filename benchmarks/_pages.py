"""The tables of docs/benchmarks/pyramids.md: each is put between the marks with its name; the words are the page's."""

from __future__ import annotations

import re
import time

from zarr.storage import MemoryStore

from benchmarks import _figures, _looks, _samplers, _scenes
from benchmarks._drawings import GALAXY_DISTANCES, HALVES, SAMPLERS, THIRDS, built
from zarr_vectors.multiresolution._decimate import has_quadric
from zarr_vectors.multiresolution.coarsen import build_pyramid

_MARKED = r"(<!-- {name} -->\n).*?(<!-- end -->)"


def renew(path):
    """Put the tables of today into a page."""
    text = path.read_text()
    for name, make in TABLES.items():
        made = make()
        if made is not None:
            text = re.sub(_MARKED.format(name=name), lambda m, made=made: f"{m[1]}\n{made}\n\n{m[2]}", text, flags=re.S)
    path.write_text(text)


def table(columns, rows):
    """Put a table together.

    Parameters
    ----------
    columns : dict of str to (str, format)
        By title: the field, and how it is written.
    rows : iterable of dict
    """
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[_written(row[field], how) for field, how in columns.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _written(value, how):
    text = format(value, how)
    return text.replace(",", " ") if "," in how else text


def _rows(figures):
    return [f._asdict() | ({"cycles": f.cycles} if hasattr(f, "cycles") else {}) for f in figures]


def _cloud():
    columns = {
        "bin": ("bins", "g"),
        "level": ("level", ""),
        "points": ("count", ","),
        "share of the level before": ("share", ".4f"),
        "bound": ("bound", ".1f"),
        "contrast": ("contrast", ",.0f"),
        "EMD": ("emd_weighted", ".4f"),
        "EMD by vertex": ("emd", ".4f"),
        "words that differ": ("labels_weighted", ".3f"),
        "at best": ("labels_best", ".3f"),
    }
    rows = []
    for bins in (12.5, 50.0, 2.5):
        store = built(_scenes.write_cloud, 300_000, 50.0, bins)
        rows += [row | {"bins": bins} for row in _rows(_figures.points_figures(store, "wave", "kind"))]
    return table(columns, [row for row in rows if row["level"] or row["bins"] == 12.5])


def _galaxy():
    if not GALAXY_DISTANCES:
        return None
    columns = {"": ("rule", "")} | {f"level {level}": (str(level), ".2f") for level in range(4)}
    rules = ("as the viewer draws it", "each point as bright as the stars it stands for")
    rows = zip(rules, GALAXY_DISTANCES, strict=True)
    return table(columns, [{"rule": rule} | {str(i): d for i, d in enumerate(row)} for rule, row in rows])


def _thinning():
    land, cloud = _scenes.rolling_land(300_000)[0], _scenes.cloud(300_000)[0]
    columns = {
        "rule": ("rule", ""),
        "points": ("count", ","),
        "spread of distances": ("spread", ".2f"),
        "crowding": ("crowding", ".2f"),
        "pattern": ("pattern", ".0f"),
        "spread, cloud": ("cloud_spread", ".2f"),
        "contrast, cloud": ("contrast", ",.0f"),
        "CPU s": ("seconds", ".2f"),
    }
    return table(columns, [_sampled(land, cloud, name) | {"rule": title} for name, title in SAMPLERS.items()])


def _sampled(land, cloud, name):
    sampler = getattr(_samplers, name)
    began = time.process_time()
    found = sampler(land, len(land) // 64)
    seconds = time.process_time() - began
    screen = _places(land, found)[:, 1:]
    scattered = _places(cloud, sampler(cloud, len(cloud) // 64))
    return {
        "count": len(screen),
        "spread": _looks.spacing_spread(screen),
        "crowding": _looks.crowding(screen, land[:, 1:], 24),
        "pattern": _looks.pattern(screen, 512),
        "cloud_spread": _looks.spacing_spread(scattered),
        "contrast": _figures.contrast(scattered),
        "seconds": seconds,
    }


def _places(positions, found):
    return found if found.ndim == 2 else positions[found]


def _lines():
    columns = {
        "factor": ("factor", ""),
        "level": ("level", ""),
        "lines": ("lines", ","),
        "vertices": ("vertices", ","),
        "bound": ("bound", ".2f"),
        "old vertex to new line": ("old_to_new", ".2f"),
        "new line to old one": ("new_to_old", ".2f"),
        "length": ("length", ".3f"),
        "EMD": ("emd", ".4f"),
        "EMD by vertex": ("emd_by_vertex", ".4f"),
    }
    rows = []
    for factors in (HALVES, THIRDS):
        store = built(_scenes.write_bundles, 1200, 150, factors=factors)
        rows += [row | {"factor": str(factors[0])} for row in _rows(_figures.line_figures(store, "fa"))]
    return table(columns, rows)


_NETWORK = {
    "level": ("level", ""),
    "nodes": ("nodes", ","),
    "edges": ("edges", ","),
    "components": ("components", ""),
    "cycles": ("cycles", ""),
    "bound": ("bound", ".2f"),
    "old node to new edges": ("farthest", ".2f"),
    "length": ("length", ".3f"),
    "EMD": ("emd", ".4f"),
    "EMD by vertex": ("emd_by_vertex", ".4f"),
}
_SURFACE = {
    "level": ("level", ""),
    "vertices": ("vertices", ","),
    "faces": ("faces", ","),
    "objects with faces": ("objects", ""),
    "bound": ("bound", ".1f"),
    "old vertex to new faces": ("farthest", ".2f"),
    "area": ("area", ".3f"),
    "volume": ("volume", ".3f"),
    "open edges": ("open_edges", ""),
    "branching edges": ("branching", ""),
    "EMD": ("emd", ".4f"),
    "EMD by vertex": ("emd_by_vertex", ".4f"),
}


def _neurons():
    return table(_NETWORK, _rows(_figures.network_figures(built(_scenes.write_neurons, 6), "radius")))


def _streets():
    return table(_NETWORK, _rows(_figures.network_figures(built(_scenes.write_streets, 900, 16), "traffic")))


def _knot():
    return table(_SURFACE, _rows(_figures.surface_figures(built(_scenes.write_knot, 96, 900), "bump")))


def _nuclei():
    columns = {title: field for title, field in _SURFACE.items() if not title.startswith("EMD")}
    return table(columns, _rows(_figures.surface_figures(built(_scenes.write_nuclei, 32), "nucleus", "nucleus")))


def _closed():
    columns = {
        "of": ("made", ""),
        "method": ("method", ""),
        "level": ("level", ""),
        "vertices": ("vertices", ","),
        "bound": ("bound", ".1f"),
        "area": ("area", ".3f"),
        "volume": ("volume", ".3f"),
        "open edges": ("open_edges", ""),
        "objects as thick as a bin": ("thick", ","),
        "off by at most: 95 % of these": ("worst", ""),
        "all of these": ("worst_of_all", ""),
    }
    rows = []
    for name, made, bins in (("balls", _scenes.balls(2000), 0.5), ("tubes", _scenes.tubes(20), 2.0)):
        for method in ("clustering", "quadric") if has_quadric() else ("clustering",):
            store = MemoryStore()
            _scenes.write_objects(store, made, bins)
            build_pyramid(store, HALVES, method=method)
            figures = _rows(_figures.held_figures(store))
            for row in figures:
                row |= {name: f"{row[name]:.3f}" if row["thick"] else "-" for name in ("worst", "worst_of_all")}
            rows += [row | {"made": name, "method": method} for row in figures[method == "quadric" :]]
    return table(columns, rows)


TABLES = {
    "cloud": _cloud,
    "galaxy": _galaxy,
    "thinning": _thinning,
    "streamlines": _lines,
    "skeletons": _neurons,
    "graph": _streets,
    "mesh": _knot,
    "small meshes": _nuclei,
    "closed meshes": _closed,
}
