"""The trees of scikit-learn's forests: compiled code that follows every index it is given, so they are checked first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArtifactError

#: The root, children and features are numbers of this kind; -1 and -2 mark a leaf.
_LEAF, _NO_FEATURE = -1, -2
_MODULE, _CLASS = "sklearn.tree._tree", "Tree"


def is_tree(value: Any) -> bool:
    return type(value).__module__ == _MODULE and type(value).__name__ == _CLASS


def parts(tree: Any) -> dict[str, Any]:
    """What its state holds, with a plain array for each field of the nodes."""
    state = tree.__getstate__()
    nodes = state["nodes"]
    return {
        "n_features": int(tree.n_features),
        "n_classes": np.asarray(tree.n_classes, dtype=np.int64),
        "n_outputs": int(tree.n_outputs),
        "max_depth": int(state["max_depth"]),
        "values": state["values"],
        "nodes": {name: np.ascontiguousarray(nodes[name]) for name in nodes.dtype.names},
    }


def build(value: Any) -> Any:
    """The tree, or an error for one whose nodes do not make a tree."""
    from sklearn.tree._tree import NODE_DTYPE, Tree

    try:
        found = value["nodes"]
        n_features, n_outputs = int(value["n_features"]), int(value["n_outputs"])
        values = np.ascontiguousarray(value["values"], dtype=np.float64)
        count = len(found["left_child"])
        nodes = np.zeros(count, dtype=NODE_DTYPE)
        if set(found) != set(NODE_DTYPE.names) or any(array.shape != (count,) for array in found.values()):
            raise ArtifactError("a tree's nodes are not as this scikit-learn has them; train again")
        for name, array in found.items():
            nodes[name] = array
        classes = np.ascontiguousarray(value["n_classes"], dtype=np.intp)
    except (KeyError, TypeError, AttributeError):
        raise ArtifactError("a tree is damaged") from None
    one_class = classes.shape == (1,) and classes[0] == 1 and n_outputs == 1
    if not one_class or values.shape != (count, 1, 1) or not 0 < n_features < 1 << 20:
        raise ArtifactError("a tree is none of a forest of one class")
    _check(nodes, n_features)
    tree = Tree(n_features, classes, n_outputs)
    tree.__setstate__({"max_depth": int(value["max_depth"]), "node_count": count, "nodes": nodes, "values": values})
    return tree


def _check(nodes: np.ndarray, n_features: int) -> None:
    """Children lie behind their parent, so that every way down ends, and features are columns."""
    count = len(nodes)
    left, right = nodes["left_child"], nodes["right_child"]
    leaf = left == _LEAF
    place = np.arange(count)
    inner = ~leaf
    fits = count > 0 and bool((leaf == (right == _LEAF)).all())
    for child in (left, right):
        fits = fits and bool(((child > place) & (child < count))[inner].all())
    feature = nodes["feature"]
    fits = fits and bool(((feature >= 0) & (feature < n_features))[inner].all())
    if not fits:
        raise ArtifactError("a tree's nodes lead astray")
