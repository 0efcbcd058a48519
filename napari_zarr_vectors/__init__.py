"""napari plugin for Zarr Vectors stores: level-of-detail streaming of large vector data."""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "extract", "open_layer", "save_still"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562
    # Importing the plugin must cost nothing: napari and Qt come with the first use.
    if name in ("extract", "open_layer", "save_still"):
        from napari_zarr_vectors import _controller

        return getattr(_controller, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
