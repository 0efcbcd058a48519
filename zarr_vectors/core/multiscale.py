"""The last step of a write: the root's metadata, which name the levels and say that the store is complete."""

from __future__ import annotations

from dataclasses import replace

from zarr_vectors._spec import Commit, RootMetadata
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import Publication
from zarr_vectors.core.paths import store_name

__all__ = ["stamp_root"]


def stamp_root(publication: Publication, root: RootMetadata, target: Backend) -> None:
    """Publish a store with these root metadata, stamped as complete; `target` is the place it is going to have."""
    stamped = replace(root, commit=Commit("complete", publication.commit_id))
    publication.publish(stamped.to_dict(store_name(target.name)))
