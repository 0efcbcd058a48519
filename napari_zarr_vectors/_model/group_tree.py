"""Groups as a tree: names with ``/`` nest where several begin alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["GroupNode", "group_tree", "shown_groups"]

SEPARATOR = "/"


@dataclass(slots=True, eq=False)
class GroupNode:
    """A group, or what groups have in common.

    Attributes
    ----------
    label : str
        The last part of the name; its last parts, where nothing else branches off between them.
    group : str or None
        The group's name; None where there is no group of this name, only below it.
    count : int
        Objects of the group and of those below it; one in several counts several times.
    parent : GroupNode or None
    children : list of GroupNode
        In the order of the store.
    """

    label: str
    group: str | None = None
    count: int = 0
    parent: GroupNode | None = field(default=None, repr=False)
    children: list[GroupNode] = field(default_factory=list)

    @property
    def row(self) -> int:
        """Place among the children of its parent."""
        return 0 if self.parent is None else next(i for i, node in enumerate(self.parent.children) if node is self)

    def groups(self) -> list[str]:
        """Names of the group and of all below it."""
        own = [] if self.group is None else [self.group]
        return own + [name for child in self.children for name in child.groups()]


def group_tree(counts: Mapping[str, int]) -> GroupNode:
    """Nest groups, given as the number of objects by name; the root is none of them."""
    root = GroupNode("")
    by_path: dict[tuple[str, ...], GroupNode] = {(): root}
    for name, count in counts.items():
        parts = tuple(name.split(SEPARATOR))
        for depth in range(1, len(parts) + 1):
            path = parts[:depth]
            if path not in by_path:
                node = GroupNode(path[-1], parent=by_path[path[:-1]])
                by_path[path] = node
                node.parent.children.append(node)  # type: ignore[union-attr]  # just given
            by_path[path].count += count
        by_path[parts].group = name
    for node in [*root.children]:
        _join_only_children(node)
    return root


def _join_only_children(top: GroupNode) -> None:
    """Make one of a node that is no group and its only child: it nests nothing, and the slash may mean something else.

    Such as ``L2/3``, a layer of the cortex.
    """
    waiting = [top]
    while waiting:
        node = waiting.pop()
        while node.group is None and len(node.children) == 1:
            (child,) = node.children
            node.label, node.group = f"{node.label}{SEPARATOR}{child.label}", child.group
            node.children = child.children
        for child in node.children:
            child.parent = node
        waiting += node.children


def shown_groups(
    all_groups: Iterable[str], shown: tuple[str, ...] | None, changed: Iterable[str], *, on: bool
) -> tuple[str, ...] | None:
    """Give which groups are shown after some were switched; None where all are."""
    names = list(all_groups)
    now = set(names if shown is None else shown)
    now = now | set(changed) if on else now - set(changed)
    return None if now >= set(names) else tuple(name for name in names if name in now)
