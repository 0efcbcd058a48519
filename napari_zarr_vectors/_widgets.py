"""The manifest's widgets: panels, and what tells them which layer to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_zarr_vectors._controller._browser import Browser
from napari_zarr_vectors._controller._extract_panel import ExtractTarget
from napari_zarr_vectors._controller._panels import Follower
from napari_zarr_vectors._layers._selection import colormap_luts
from napari_zarr_vectors._qt import DisplayDock, ExtractDock, ObjectsDock, WhileShown

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["DisplayWidget", "ExtractWidget", "ObjectsWidget"]


class DisplayWidget(DisplayDock):
    """The dock "Display"; it follows the viewer from the start and whenever it is shown again.

    Hidden (its dock was closed, is behind another tab, or the window is closing) it follows nothing.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Napari passes the viewer to widgets by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(colormap_luts())
        # Napari hands plugins a proxy, and what is reached through it is proxies too: no `is`, no weak reference.
        viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._follower = Follower(viewer, self.show_target, self.panel.release)
        self.destroyed.connect(self._follower.close)
        WhileShown(self, self._follower.open, self._let_go)
        self._follower.open()

    @property
    def follows(self) -> bool:
        """Whether anything of the viewer is connected."""
        return self._follower.is_open

    def _let_go(self) -> None:
        self._follower.close()
        self.show_target(None)


class ObjectsWidget(ObjectsDock):
    """The dock "Objects"; it follows the viewer as "Display" does.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Napari passes the viewer to widgets by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.browser = browser = Browser(getattr(napari_viewer, "__wrapped__", napari_viewer), self)
        self.arranged.connect(browser.arrange)
        self.chosen.connect(browser.choose)
        self.groups.shown.connect(browser.show_groups)
        self.groups.chosen.connect(browser.choose_groups)
        for button, act in (
            (self.fly, browser.fly),
            (self.only, browser.show_only),
            (self.clear, browser.clear),
            (self.by_group, browser.color_by_group),
        ):
            button.clicked.connect(lambda _=False, act=act: act())
        self.destroyed.connect(browser.close)
        WhileShown(self, browser.open, browser.close)
        browser.open()


class ExtractWidget(ExtractDock):
    """The dock "Extract"; it follows the viewer as `DisplayWidget` does, and what runs goes on while it is hidden.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Napari passes the viewer to widgets by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._follower = Follower(viewer, self.show_target, _nothing, ExtractTarget)
        self.destroyed.connect(self._follower.close)
        self.destroyed.connect(self.running.end)
        WhileShown(self, self._follower.open, self._let_go)
        self._follower.open()

    @property
    def follows(self) -> bool:
        """Whether anything of the viewer is connected."""
        return self._follower.is_open

    def _let_go(self) -> None:
        self._follower.close()
        self.show_target(None)


def _nothing() -> None:
    """Let go of models: the panel follows none."""
