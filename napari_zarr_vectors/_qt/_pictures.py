"""Small pictures of colours: of a colormap, of a category."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["strip"]


def strip(colors: npt.NDArray[np.uint8], size: QSize) -> QIcon:
    """Draw colours (n, 4) from left to right."""
    row = np.ascontiguousarray(colors)
    image = QImage(row.tobytes(), len(row), 1, 4 * len(row), QImage.Format.Format_RGBA8888)
    scaled = image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return QIcon(QPixmap.fromImage(scaled))
