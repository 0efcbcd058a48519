"""What a store keeps beside its geometry, as writers take it: checked before the first byte, written with the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zarr_vectors.core._backends import Backend
from zarr_vectors.core.side_blocks import (
    Parametric,
    check_headers,
    check_parametric,
    check_user_metadata,
    write_headers,
    write_parametric,
)

__all__ = ["Beside", "check_beside"]


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Headers, notes of users and parametric objects of one store, checked.

    Attributes
    ----------
    headers : dict of JSON objects
        By format.
    user_metadata : dict of dict of JSON values
        By namespace and key.
    parametric : Parametric or None
    """

    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    user_metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parametric: Parametric | None = None

    def write(self, backend: Backend) -> None:
        """Write all but the notes of users, which are part of the root's metadata."""
        write_headers(backend, self.headers)
        if self.parametric is not None:
            write_parametric(backend, self.parametric)


def check_beside(
    headers: Mapping[str, Mapping[str, Any]] | None,
    user_metadata: Mapping[str, Mapping[str, Any]] | None,
    parametric: Parametric | None,
) -> Beside:
    """Check what a writer was given; see `write_points`.

    Raises
    ------
    ArgumentError
        If one of them cannot be stored.
    """
    if parametric is not None:
        check_parametric(parametric)
    return Beside(
        {} if headers is None else check_headers(headers),
        {} if user_metadata is None else check_user_metadata(user_metadata),
        parametric,
    )
