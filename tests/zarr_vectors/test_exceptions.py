"""What every message of damage ends with: what to do."""

from __future__ import annotations

import copy

import pytest

from zarr_vectors.exceptions import CorruptChunkError, CorruptStoreError, FormatVersionError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            CorruptStoreError("s.zv: level 1 has no zarr.json"),
            "s.zv: level 1 has no zarr.json; restore the store's files from a copy, or write the store again",
        ),
        (
            CorruptChunkError("s.zv", "0/vertices", "0.1", "it has 3 bytes"),
            "s.zv: chunk 0.1 of array '0/vertices' is corrupt: it has 3 bytes; "
            "restore the store's files from a copy, or write the store again",
        ),
        (
            FormatVersionError("s.zv was written in format version 1.0"),
            "s.zv was written in format version 1.0; "
            "read it with the version that wrote it, or write it again with this one",
        ),
    ],
)
def test_an_error_of_damage_says_what_to_do(error, said):
    assert str(error) == said
    assert str(copy.copy(error)) == said
