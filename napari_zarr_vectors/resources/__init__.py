"""Files that the manifest and the widgets show."""

__all__: list[str] = []
