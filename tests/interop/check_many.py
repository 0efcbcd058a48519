"""Judge many stores with the peer in one process: ``python check_many.py STORE...``.

Run by the peer's interpreter. Prints one JSON line a store, as ``peer_check.py`` beside it does, and leaves what the
peer read in ``STORE.peer.npz``.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import peer_check

for store in sys.argv[1:]:
    peer_check.main(store)
