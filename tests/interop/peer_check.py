# The format's own judge, kept as it came (ECOSYSTEM): neither linted nor formatted here.
# ruff: noqa
# fmt: off
"""Judge a store written by another implementation with the peer package itself.

usage: python-of-a-venv-with-zarr-vectors==0.9.2 peer_check.py STORE [OUT.npz]

1. validate() at level 5 (its highest); prints passes, warnings, errors.
2. opens it with the public API and reads back every level: geometry, attributes, objects, groups, links.
3. writes what it read to OUT.npz (default: <store>.peer.npz) and prints one JSON line of counts.
Exit code 0 = validated and every read worked; 1 = not.
Two of the peer's OWN stores end with 1: an edited one (its editor leaves vertex_count stale) and an
empty graph store (created without links_convention, which its level 4 then refuses).
"""
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import zarr_vectors as zv
from zarr_vectors import building as B
from zarr_vectors.validate import validate


def arr(x):
    a = np.asarray(x)
    return a.astype("U") if a.dtype == object else a


def main(path, out=None):
    out = out or path.rstrip("/") + ".peer.npz"
    problems, dump, info = [], {}, {"store": path, "levels": {}}
    v = validate(path, level=5)
    info["validate"] = {"ok": v.ok, "passed": len(v.passed), "warnings": v.warnings, "errors": v.errors}
    if not v.ok:
        problems += ["validate: " + e for e in v.errors]

    def attempt(what, fn, optional=False):
        try:
            return fn()
        except Exception as e:
            (info.setdefault("absent", []) if optional else problems).append(f"{what}: {type(e).__name__}: {e}")
            return None

    ds = attempt("open", lambda: zv.open(path))
    if ds is not None:
        info.update(format=".".join(map(str, ds.format_version)), kinds=list(ds.kinds), ndim=ds.ndim,
                    bounds=[b.tolist() for b in ds.bounds], axes=list(ds.axes), capabilities=sorted(ds.capabilities))
        root = B.open_store(path)
        rm = attempt("root metadata", lambda: B.read_root_metadata(root))
        if rm is not None:
            attempt("RootMetadata.validate", rm.validate)
        for n in ds.levels:
            L = info["levels"][n] = {}
            lv, lg, k = ds.level(n), B.get_resolution_level(root, n), f"L{n}/"
            lm = attempt(k + "level metadata", lambda: B.read_level_metadata(root, n))
            if lm is not None:
                attempt(k + "LevelMetadata.validate", lm.validate)
                L.update(vertex_count=lm.vertex_count, bin_shape=lm.bin_shape, bin_ratio=lm.bin_ratio, chunk_shape=lm.chunk_shape)
            chunks = attempt(k + "chunks", lambda: B.list_chunk_keys(lg)) or []
            L["chunks"] = len(chunks)
            # --- raw, chunk by chunk: the peer's own low-level readers
            bufs, fro = [], 0
            for c in chunks:
                b = attempt(f"{k}buffer {c}", lambda: B.read_chunk_vertex_buffer(lg, c, ndim=ds.ndim))
                if b is not None:
                    bufs.append(b)
                f = attempt(f"{k}fragments {c}", lambda: B.read_chunk_vertices(lg, c, ndim=ds.ndim))
                fro += len(f or [])
            L["fragments"] = fro
            dump[k + "buffer"] = np.concatenate(bufs) if bufs else np.zeros((0, ds.ndim), "f4")
            dump[k + "chunk_coords"] = np.repeat(np.array(chunks, "i8").reshape(len(chunks), -1), [len(b) for b in bufs], axis=0) if len(bufs) == len(chunks) and chunks else np.zeros((0, ds.ndim), "i8")
            if lm is not None and lm.vertex_count != len(dump[k + "buffer"]):
                problems.append(f"{k}vertex_count {lm.vertex_count} but {len(dump[k + 'buffer'])} rows (the peer's validator never checks this)")
            # --- the public reading
            if ds.kinds and chunks:
                r = attempt(k + "read", lambda: lv.read())
                if r is not None:
                    for f in ("positions", "edges", "faces", "object_ids", "offsets"):
                        x = getattr(r, f, None)
                        if x is not None and not callable(x):
                            dump[k + f] = arr(x)
                    for a in list(getattr(r, "attributes", {}) or {}):
                        x = attempt(f"{k}attribute {a}", lambda: arr(r.attributes[a]))
                        if x is not None:
                            dump[f"{k}attr/{a}"] = x
                    L["positions"] = int(len(r.positions))
                    for f in ("edges", "faces"):
                        if k + f in dump:
                            L[f] = int(len(dump[k + f]))
            # --- every vertex attribute in buffer order
            for a in attempt(k + "attribute names", lambda: lv.attribute_names("vertex")) or ():
                parts = [x for c in chunks for x in (attempt(f"{k}{a} {c}", lambda: B.read_chunk_attributes(lg, a, c)) or [])]
                if parts:
                    dump[f"{k}raw_attr/{a}"] = np.concatenate(parts)
            # --- objects
            ids = attempt(k + "object ids", lambda: lv.objects.ids(present=False), optional=True)
            if ids is not None and len(ids):
                L["objects"], L["objects_present"] = int(len(ids)), int(lv.objects.count)
                man = attempt(k + "manifests", lambda: lv.objects.manifests([int(i) for i in ids])) or {}
                flat = [(int(o), *map(int, c), int(f)) for o in ids for c, f in man.get(int(o), [])]
                dump[k + "object_ids_table"] = np.asarray(ids)
                dump[k + "manifests"] = np.array(flat, "i8")
                if ds.kinds:
                    by_api = not set(ds.kinds) & {"graph", "skeleton", "mesh"}   # the api cannot read one object of these

                    def one(o):
                        if by_api:
                            return np.asarray(lv.objects[int(o)].positions)
                        g = B.read_object_vertices(lg, int(o), dtype=lg.read_array_meta("vertices").get("dtype", "float32"), ndim=ds.ndim)
                        return np.concatenate(g) if g else np.zeros((0, ds.ndim))
                    obj = [attempt(f"{k}object {o}", lambda: one(o)) for o in ids[:2000]]
                    ok = [x for x in obj if x is not None]
                    dump[k + "object_positions"] = np.concatenate(ok) if ok else np.zeros((0, ds.ndim))
                    dump[k + "object_positions_len"] = np.array([-1 if x is None else len(x) for x in obj])
            for a in attempt(k + "object attribute names", lambda: lv.attribute_names("object"), optional=True) or ():
                x = attempt(f"{k}object_attributes/{a}", lambda: B.read_object_attributes(lg, a))
                if x is not None:
                    dump[f"{k}oattr/{a}"] = arr(x)
            # --- groups
            names = attempt(k + "groups", lambda: lv.groups.names(), optional=True) or ()
            L["groups"] = list(names)
            for i, g in enumerate(names):
                dump[f"{k}group/{i}"] = np.asarray(lv.groups[g].members)
            # --- links, every delta
            for d in attempt(k + "link deltas", lambda: B.list_link_deltas(lg)) or []:
                x = attempt(f"{k}links {d}", lambda: B.read_link_arrays(lg, delta=d))
                if x is not None:
                    L.setdefault("links", {})[d] = int(x[1].shape[0])
                    dump[f"{k}links/{d}/chunks"], dump[f"{k}links/{d}/vi"] = x
            try:
                las = list(lg["link_attributes"].children()) if "link_attributes" in lg else []
            except Exception:
                las = []
            for a in las:
                x = attempt(f"{k}link attribute {a}", lambda: B.read_link_attributes(lg, a))
                if x is not None:
                    dump[f"{k}eattr/{a}"] = arr(x)
    info["problems"] = problems
    np.savez_compressed(out, **{k.replace("/", "|"): v for k, v in dump.items()})
    info["dump"] = out
    print(json.dumps(info, default=str))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
