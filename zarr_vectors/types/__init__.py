"""Front doors for each kind of geometry: ``write_x`` and ``read_x``."""
