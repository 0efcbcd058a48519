"""Judge one large store with the peer: ``python check_whole.py STORE``. Run by the peer's interpreter.

Like ``peer_check.py`` beside it, without asking for 2000 objects one by one, which takes it minutes. Prints one JSON
line, and leaves what the peer read of level 0 in ``STORE.peer.npz``.
"""

import json
import sys

import numpy as np
from zarr_vectors.validate import validate

import zarr_vectors as zv

path = sys.argv[1]
judgement = validate(path, level=5)
store = zv.open(path)
found = store.level(0).read()
values = {f"L0|attr|{name}": np.asarray(found.attributes[name]) for name in found.attributes}
np.savez(f"{path}.peer.npz", **{"L0|positions": found.positions, **values})
facts = {"ok": judgement.ok, "warnings": judgement.warnings, "errors": judgement.errors}
levels = {"0": {"vertex_count": len(found.positions)}}
print(json.dumps({"store": path, "problems": [], "validate": facts, "levels": levels}))
