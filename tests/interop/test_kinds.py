"""Every kind of geometry, both ways: the peer accepts and reads what we write, we read what the peer writes."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests import geometries as geo
from tests.interop.peer import accepts, found_by_peer, judge, run_there

pytestmark = pytest.mark.interop

IDS = np.array([3, 7, 8, 20, 4_000_000_000])
COUNTS = {"line": [2] * 30, "polyline": [1, 2, 25, 17, 0, 9], "streamline": [30, 12, 40]}
NUMBERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
DRAWN = 4  # stores of each kind that hypothesis draws


def sample(kind: str, ndim: int, seed: int, *, full: bool, theirs: bool = False) -> geo.Case:
    """Make a store's content from a seed, on both sides of 0; `full` with attributes, ids and groups.

    `theirs` leaves out what the peer's own writer cannot store.
    """
    rng = np.random.default_rng(seed)
    counts = COUNTS.get(kind, [40] * len(IDS))
    edge = np.array([12.0, 12.5, 13.0][:ndim])
    positions = (rng.random((sum(counts), ndim)) * 24 - 12).astype("f8" if full and not theirs else "f4")
    case = geo.Case(kind, positions, edge)
    if kind in geo.PATHS:
        case.offsets = np.cumsum([0, *counts])
        steps = rng.normal(0, 3, positions.shape)
        walks = [np.cumsum(steps[lo:hi], axis=0) for lo, hi in itertools.pairwise(case.offsets)]
        case.positions = np.concatenate(walks).astype(positions.dtype)
    elif kind != "point_cloud" and (full or kind == "objects"):
        case.owner = rng.permutation(np.repeat(IDS, counts))
    if kind in geo.TIED:
        case.links = {"skeleton": trees, "graph": edges, "mesh": faces}[kind](rng, case)
    return told(rng, case, theirs) if full else case


def trees(rng, case: geo.Case) -> np.ndarray:
    """One tree an object, as the peer asks for; a root that is not its object's first node gets a wrong parent."""
    found = []
    for number in case.object_ids:
        rows = np.flatnonzero(case.owners == number)
        rows[1:] = rng.permutation(rows[1:])
        above = [max(0, i - 1) if rng.random() < 0.7 else rng.integers(0, i) for i in range(1, len(rows))]
        found.append(np.column_stack([rows[1:], rows[above]]))
    return rng.permutation(np.concatenate(found))


def edges(rng, case: geo.Case) -> np.ndarray:
    return np.unique(geo.records_of(rng, case, 120, 2), axis=0)


def faces(rng, case: geo.Case) -> np.ndarray:
    return geo.records_of(rng, case, 90, 3)[:-1]


def told(rng, case: geo.Case, theirs: bool) -> geo.Case:
    """Add attributes of every type, and groups."""
    rows, objects = len(case.positions), len(case.object_ids)
    points = case.kind in ("point_cloud", "objects")
    types = NUMBERS if case.kind == "point_cloud" else ("i2", "u8", "f8")
    case.attributes = {dtype: geo.values(rng, dtype, rows, ()) for dtype in types}
    case.attributes |= {"flag": rng.random(rows) < 0.5, "pair": rng.normal(size=(rows, 2))}
    if points:
        case.attributes |= {word: geo.values(rng, word, rows, ()) for word in ("words", "words or None")}
    if case.kind in ("graph", "mesh") and not (theirs and case.kind == "mesh"):
        links = len(case.links)
        case.link_attributes = {dtype: geo.values(rng, dtype, links, ()) for dtype in ("u1", "f8")}
        case.link_attributes["vec"] = rng.normal(size=(links, 2)).astype("f4")
    if case.kind == "point_cloud":
        return case
    case.object_attributes = {dtype: geo.values(rng, dtype, objects, ()) for dtype in ("i2", "u8", "f4", "f8")}
    case.object_attributes["box"] = rng.normal(size=(objects, 2))
    if not theirs or case.kind in ("objects", "polyline", "streamline"):
        names = ["group_0", "group_1", "group_2"] if theirs else ["first", "déux", "none"]
        members = case.object_ids.tolist()
        case.groups = dict(zip(names, [members[1:3], members[:1], []], strict=True))
        case.group_attributes = {"score": rng.normal(size=3).astype("f4")}
    return case


def drawn(kind: str) -> list[geo.Case]:
    """Let hypothesis draw cases, the same ones in every run."""
    found = []

    @settings(max_examples=DRAWN, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(geo.cases(kind, plain=True))
    def collect(case):
        found.append(case)

    collect()
    return found


# -- what we write ----------------------------------------------------------------------------------------------

SHARDED = {"compressor": "blosc", "shard_shape": 2}
VARIANTS = {
    "bare 2d": (2, False, {}),
    "bare 3d": (3, False, SHARDED),
    "full 2d": (2, True, SHARDED),
    "full 3d": (3, True, {}),
}


@dataclass
class Judged:
    """A store, what it was made from, and the peer's report on it."""

    path: object
    case: geo.Case
    report: dict

    def check(self) -> None:
        accepts(self.report)
        if len(self.case.positions):
            found = found_by_peer(self.path, self.report, self.case)
            if self.case.division is not None:  # told by chunks, which the peer's readers do not look at
                found.attributes[self.case.division] = values_of_chunks(self.path, self.case)
            geo.same(found, self.case)


def values_of_chunks(path, case: geo.Case) -> np.ndarray:
    """Say which value of the attribute that divides chunks each row has that the peer read."""
    with np.load(f"{path}.peer.npz", allow_pickle=False) as dump:
        bins = dump["L0|chunk_coords"][:, 0]
        if case.offsets is not None:  # the peer reads lines object by object
            rows = {row.tobytes(): at for at, row in enumerate(dump["L0|buffer"])}
            bins = bins[[rows[row.tobytes()] for row in dump["L0|positions"]]]
    block = json.loads((path / "0/zarr.json").read_text())["attributes"]["zarr_vectors_level"]
    values = np.array(block["chunk_attribute_values"], block.get("chunk_attribute_dtype"))
    return values[bins]


def content() -> dict[str, geo.Case]:
    """Give every case by kind and name."""
    found = {}
    for seed, (kind, (variant, (ndim, full, options))) in enumerate(itertools.product(geo.KINDS, VARIANTS.items())):
        found[f"{kind} {variant}"] = sample(kind, ndim, seed, full=full)
        found[f"{kind} {variant}"].options = options
    found["polyline uncompressed"] = sample("polyline", 3, 100, full=True)
    found["polyline uncompressed"].options = {"compressor": "none"}
    for kind in geo.KINDS:
        found |= {f"{kind} drawn {i}": case for i, case in enumerate(drawn(kind))}
    return found


@pytest.fixture(scope="session")
def judged(peer_python, tmp_path_factory) -> dict[str, Judged]:
    """Write all stores here, and let the peer judge and read them in one process."""
    folder, cases = tmp_path_factory.mktemp("our_kinds"), content()
    paths = {name: folder / f"{name.replace(' ', '_')}.zv" for name in cases}
    for name, case in cases.items():
        geo.write(paths[name], case)
    reports = judge(peer_python, paths.values())
    return {name: Judged(paths[name], cases[name], report) for name, report in zip(paths, reports, strict=True)}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", geo.KINDS)
def test_the_peer_accepts_and_reads_what_we_write(judged, kind, variant):
    judged[f"{kind} {variant}"].check()


def test_the_peer_accepts_and_reads_manifests_that_are_not_compressed(judged):
    judged["polyline uncompressed"].check()


@pytest.mark.parametrize("kind", geo.KINDS)
def test_the_peer_accepts_and_reads_what_hypothesis_draws(judged, kind):
    for i in range(DRAWN):
        judged[f"{kind} drawn {i}"].check()


# -- what the peer writes ---------------------------------------------------------------------------------------

THEIRS = {
    f"{kind} {ndim}d {'full' if full else 'bare'}": (kind, ndim, full)
    for kind, (ndim, full) in itertools.product(geo.KINDS, [(3, False), (2, True), (3, True)])
}


THEIR_DIVIDED = ("objects divided", "objects divided words", "line divided", "polyline divided", "graph divided",
                 "mesh divided", "skeleton divided")  # fmt: skip


@pytest.fixture(scope="session")
def written_by_the_peer(peer_python, tmp_path_factory) -> dict[str, tuple]:
    """Let the peer write all stores in one process."""
    folder, found = tmp_path_factory.mktemp("their_kinds"), {}
    for seed, (name, (kind, ndim, full)) in enumerate(THEIRS.items()):
        case = sample(kind, ndim, 1000 + seed, full=full, theirs=True)
        path = folder / f"{name.replace(' ', '_')}.zv"
        hand_over(case, path, {"compressor": "zstd", "shard_shape": 2} if seed % 3 == 2 else {})
        found[name] = path, case
    for seed, name in enumerate(THEIR_DIVIDED):
        case = sample(name.split()[0], 3, 2000 + seed, full=True, theirs=True)
        case.division, rng = "kind", np.random.default_rng(seed)
        words = np.array(["axon", "soma"]) if name.endswith("words") else np.array([-4, 300])
        case.attributes["kind"] = words[rng.integers(0, 2, len(case.object_ids))][
            np.searchsorted(case.object_ids, case.owners)
        ]
        path = folder / f"{name.replace(' ', '_')}.zv"
        hand_over(case, path, {"chunk_by_attribute": "kind"})
        found[name] = path, case
    run_there(peer_python, "peer_write.py", folder)
    return found


def hand_over(case: geo.Case, path, options: dict) -> None:
    """Put a case where `peer_write` finds it."""
    tables = {
        "attribute": case.attributes, "link_attribute": case.link_attributes,
        "object_attribute": case.object_attributes, "group_attribute": case.group_attributes,
    }  # fmt: skip
    arrays = {"positions": case.positions, "owner": case.owner, "offsets": case.offsets, "links": case.links}
    arrays |= {f"{what}|{name}": a for what, table in tables.items() for name, a in table.items()}
    np.savez(path.with_suffix(".npz"), **{name: a for name, a in arrays.items() if a is not None})
    facts = {"kind": case.kind, "groups": list(case.groups.values()), "chunk_shape": case.chunk.tolist(), **options}
    path.with_suffix(".json").write_text(json.dumps(facts))


@pytest.mark.parametrize("name", [*THEIRS, *THEIR_DIVIDED])
def test_we_read_exactly_what_the_peer_writes(written_by_the_peer, name):
    path, case = written_by_the_peer[name]
    geo.same(geo.ours(path, case), case)
