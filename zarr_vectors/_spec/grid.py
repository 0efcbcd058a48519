"""A chunk-grid array's ``zarr.json`` as a frozen model: one variable-length cell per chunk of a level.

``cell = chunk coordinate - origin``. A cell holds one ``vlen-bytes`` item, then goes through the compressor and the
checksum; in a sharded array the same chain is the shard's inner chain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from zarr_vectors._spec._fields import array, mapping, require, strings, wholes
from zarr_vectors._spec.names import parse_chunk_keys
from zarr_vectors.exceptions import ArgumentError, LimitError, UnsupportedFeatureError
from zarr_vectors.typing import Int64Array

__all__ = ["Codec", "GridMetadata", "check_key_encoding", "codec_chain", "parse_codecs"]

Codec: TypeAlias = Mapping[str, Any]

CRC32C: Codec = {"name": "crc32c"}
_MOST_SHARD_CELLS = 1 << 24  # the index at a shard's end has 16 bytes for each
_INDEX_CODECS = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]


def codec_chain(compressor: str | Sequence[Codec], itemsize: int) -> tuple[Codec, ...]:
    """Give the codecs that follow ``vlen-bytes`` for a choice of compressor.

    Parameters
    ----------
    compressor : "none", "zstd", "blosc", "auto" or a list of codec objects
        The words end with a checksum; a list is taken as it is. "auto" is blosc's lz4 with byte shuffle.
    itemsize : int
        Bytes of one number of the array: what blosc shuffles by.
    """
    if not isinstance(compressor, str):
        return tuple(_check_codec(codec) for codec in compressor)
    blosc = {"typesize": max(1, min(itemsize, 255)), "clevel": 5, "blocksize": 0}
    words: dict[str, list[Codec]] = {
        "none": [],
        "zstd": [{"name": "zstd", "configuration": {"level": 0, "checksum": False}}],
        "blosc": [{"name": "blosc", "configuration": {**blosc, "cname": "zstd", "shuffle": "bitshuffle"}}],
        "auto": [{"name": "blosc", "configuration": {**blosc, "cname": "lz4", "shuffle": "shuffle"}}],
    }
    if compressor not in words:
        msg = f"compressor must be one of {sorted(words)} or a list of codecs, got {compressor!r}"
        raise ArgumentError(msg)
    return (*words[compressor], CRC32C)


def _check_codec(codec: object) -> Codec:
    to_dict = getattr(codec, "to_dict", None)
    found = to_dict() if callable(to_dict) else codec  # zarr's own codec objects spell themselves
    if isinstance(found, Mapping) and isinstance(found.get("name"), str):
        return dict(found)
    msg = f"a codec must be an object with a name, such as {{'name': 'zstd', ...}}, got {codec!r}"
    raise ArgumentError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class GridMetadata:
    """Metadata of one grid array.

    Attributes
    ----------
    shape : tuple of D ints
        Cells along each axis.
    origin : (D,) int64
        Chunk coordinate of cell 0.
    codecs : tuple of codec objects
        What follows ``vlen-bytes``.
    shard_shape : tuple of D ints or None
        Cells of a shard.
    chunks : (n, D) int64 or None
        Coordinates of the non-empty chunks in the order of the stored list; None where the list is missing
        or was not asked for.
    attributes : dict
        The array's own keys (``dtype``, ``row_shape``...).
    """

    shape: tuple[int, ...]
    origin: Int64Array
    codecs: tuple[Codec, ...]
    shard_shape: tuple[int, ...] | None = None
    chunks: Int64Array | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, doc: Mapping[str, Any], where: str, *, with_chunks: bool = True) -> GridMetadata:
        """Read an array's ``zarr.json``; the list of chunks may be long and is left out on request."""
        shape = wholes(require(doc, "shape", where), f"{where}: shape", least=1)
        data_type = doc.get("data_type")
        if data_type != "variable_length_bytes":
            msg = f"{where}: a grid array holds variable_length_bytes, got {data_type!r}"
            raise UnsupportedFeatureError(msg)
        codecs, shard_shape = _unwrap(doc, len(shape), where)
        if not codecs or codecs[0].get("name") != "vlen-bytes":
            msg = f"{where}: the first codec must be 'vlen-bytes', got {[c.get('name') for c in codecs]}"
            raise UnsupportedFeatureError(msg)
        attributes = dict(mapping(doc.get("attributes", {}), where))
        origin = wholes(
            attributes.pop("chunk_grid_origin", [0] * len(shape)),
            f"{where}: chunk_grid_origin",
            size=len(shape),
            least=-(2**62),
        )
        keys = attributes.pop("nonempty_chunks", None)
        chunks = None
        if keys is not None and with_chunks:
            chunks = parse_chunk_keys(strings(keys, f"{where}: nonempty_chunks"), len(shape))
        return cls(shape, np.array(origin, np.int64), codecs[1:], shard_shape, chunks, attributes)

    def to_dict(self, nonempty_chunks: Sequence[str] | None) -> dict[str, Any]:
        """Give the array's ``zarr.json``; the keys are passed in because arrays of a level share them."""
        attributes = {**self.attributes}
        if nonempty_chunks is not None:
            attributes["nonempty_chunks"] = nonempty_chunks
        if self.origin.any():
            attributes["chunk_grid_origin"] = self.origin.tolist()
        ones = [1] * len(self.shape)
        chain: list[Codec] = [{"name": "vlen-bytes", "configuration": {}}, *self.codecs]
        if self.shard_shape is not None:
            configuration = {
                "chunk_shape": ones,
                "codecs": chain,
                "index_codecs": _INDEX_CODECS,
                "index_location": "end",
            }
            chain = [{"name": "sharding_indexed", "configuration": configuration}]
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": "variable_length_bytes",
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": list(self.shard_shape or ones)},
            },
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": "",
            "codecs": chain,
            "storage_transformers": [],
            "attributes": attributes,
        }


def _unwrap(doc: Mapping[str, Any], ndim: int, where: str) -> tuple[tuple[Codec, ...], tuple[int, ...] | None]:
    """Give the chain of a cell and, where the array is sharded, the cells of a shard."""
    codecs = parse_codecs(require(doc, "codecs", where), where)
    grid = mapping(mapping(doc.get("chunk_grid"), where).get("configuration"), where)
    chunk = wholes(grid.get("chunk_shape"), f"{where}: chunk_shape", size=ndim, least=1)
    check_key_encoding(doc, where)
    if len(codecs) == 1 and codecs[0].get("name") == "sharding_indexed":
        configuration = mapping(codecs[0].get("configuration"), where)
        inner = wholes(configuration.get("chunk_shape"), f"{where}: chunk_shape", size=ndim, least=1)
        index = [c.get("name") for c in parse_codecs(configuration.get("index_codecs"), where)]
        if inner != (1,) * ndim or index != ["bytes", "crc32c"]:
            msg = f"{where}: shards must hold single cells and an index of bytes + crc32c, got {configuration}"
            raise UnsupportedFeatureError(msg)
        if configuration.get("index_location", "end") != "end":
            msg = f"{where}: only shards with their index at the end are read"
            raise UnsupportedFeatureError(msg)
        if math.prod(chunk) > _MOST_SHARD_CELLS:
            msg = f"{where}: a shard of {chunk} cells is larger than {_MOST_SHARD_CELLS} cells"
            raise LimitError(msg)
        return parse_codecs(configuration.get("codecs"), where), chunk
    if chunk != (1,) * ndim:
        msg = f"{where}: a grid array has one cell a chunk, got chunks of {chunk}"
        raise UnsupportedFeatureError(msg)
    return codecs, None


def check_key_encoding(doc: Mapping[str, Any], where: str) -> None:
    """Refuse an array whose chunks lie under other keys than ``c/0/0``."""
    encoding = mapping(doc.get("chunk_key_encoding", {}), where)
    separator = mapping(encoding.get("configuration", {}), where).get("separator", "/")
    if encoding.get("name", "default") != "default" or separator != "/":
        msg = f"{where}: chunk keys other than the default 'c/0/0' are not read, got {encoding}"
        raise UnsupportedFeatureError(msg)


def parse_codecs(value: object, where: str) -> tuple[Codec, ...]:
    """Check a list of codecs."""
    found = tuple(mapping(codec, f"{where}: codecs") for codec in array(value, f"{where}: codecs"))
    for codec in found:
        mapping(codec.get("configuration", {}), f"{where}: codec {codec.get('name')!r}")
    return found
