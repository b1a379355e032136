"""How deep each weight of a trunk lies: what learning rates that differ go by."""

import keras


def weight_levels(encoder: keras.layers.Layer) -> list[int]:
    """Counts the kernels between the images and each weight, the weight's own too.

    A kernel is a weight of two or more axes. The level of a layer with a kernel is
    the number of such layers on the longest path from the images to it, itself
    included; a layer without one, such as batch norm, has the level of what it is
    applied to. Layers side by side, as a block's first convolution and its shortcut,
    share a level, and a ResNet-18 has 17 of them, which its name counts with the
    head. Weights before the first kernel belong to level 1.

    Functional and sequential models are followed into, those inside others as well;
    any other layer that holds layers is one level as a whole. A layer that is called
    several times counts where it is called first. A reloaded SavedModel has no graph
    of layers left: `export_encoder` counted them, and wrote the levels beside it.

    Args:
        encoder: A built Keras layer or model, or what `kc.export.load_encoder`
            returns.

    Returns:
        One level a weight, from 1, in the order of `encoder.weights`.

    Raises:
        TypeError: If `encoder` is not a Keras layer.
        ValueError: If a SavedModel was exported before levels were written.
    """
    if not isinstance(encoder, keras.layers.Layer):
        raise TypeError(
            "`encoder` must be a Keras layer or model. "
            f"Received: {type(encoder).__name__}"
        )
    written = getattr(encoder, "weight_levels", None)
    if written is not None:
        return list(written)
    levels: dict[int, int] = {}
    _climb(encoder, 0, levels)
    return [max(levels[id(weight)], 1) for weight in encoder.weights]


def _climb(layer: keras.layers.Layer, below: int, levels: dict[int, int]) -> int:
    """Notes the levels of a layer's weights; returns the level of its output.

    Args:
        layer: Any operation of a graph.
        below: Level of what the layer is applied to.
        levels: By the weight's id; filled.
    """
    if isinstance(layer, keras.Sequential):
        for part in layer.layers:
            below = _climb(part, below, levels)
        return below
    # The order in which Keras itself runs a functional model. Private in Keras 3.15.
    nodes_by_depth = getattr(layer, "_nodes_by_depth", None)
    if nodes_by_depth is None:
        weights = getattr(layer, "weights", [])
        level = below + any(len(weight.shape) > 1 for weight in weights)
        for weight in weights:
            levels.setdefault(id(weight), level)
        return level
    reached: dict[int, int] = {}
    for depth in sorted(nodes_by_depth, reverse=True):
        for node in nodes_by_depth[depth]:
            level = max((reached[id(x)] for x in node.input_tensors), default=below)
            if not node.is_input:
                level = _climb(node.operation, level, levels)
            reached.update((id(x), level) for x in node.outputs)
    return max(reached[id(x)] for x in layer.outputs)
