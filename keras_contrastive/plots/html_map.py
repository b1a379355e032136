"""Maps of an embedding in HTML, where hovering over a point shows its image."""

import hashlib
import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_contrastive.plots.embedding import (
    METHODS,
    check_map,
    class_name,
    colours_of,
    project,
)
from keras_contrastive.plots.html_page import data_uri
from keras_contrastive.plots.image_sheet import as_images, sheet, unit_range

_WIDTH, _HEIGHT, _MARGIN, _RADIUS = 480, 400, 12, 4
_QUALITY = 92
_MOST_NAMES = 40


def html_map(
    features: Any,
    labels: Any,
    images: Any,
    class_names: Sequence[str] | None = None,
    methods: Sequence[str] = ("pca", "tsne"),
    seed: int = 0,
) -> str:
    """Returns maps side by side, a point an image, for `HtmlPage.fragment`.

    Args:
        features: `(n, dim)`, finite, at least 3 rows and 2 columns.
        labels: `(n,)` integer classes.
        images: `(n, height, width)` or with 1 or 3 channels; uint8, or floats in
            [0, 1]. All of them are in the page: some thousand small ones at most.
        class_names: Name of class 0, 1, ...; None: the numbers themselves.
        methods: Of "pca" and "tsne".
        seed: Of t-SNE.

    Raises:
        ValueError: If the numbers of features, labels and images differ, and as
            `plot_embedding`.
    """
    features, labels = np.asarray(features, np.float32), np.asarray(labels)
    for method in methods:
        check_map(features, labels, method)
    pictures = unit_range(as_images("images", images, None, 1))
    if len(pictures) != len(features):
        raise ValueError(
            "`images` must be one a feature and label. "
            f"Received: {len(features)} features, {len(pictures)} images"
        )
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    sprite = data_uri(_jpeg(pictures, columns), "jpeg")
    # One name a picture, so that several maps of a page keep their own.
    name = "sprite" + hashlib.sha256(sprite.encode()).hexdigest()[:12]
    classes, index = np.unique(labels, return_inverse=True)
    shades = (255 * colours_of(len(classes))[:, :3]).astype(np.uint8)
    colours = [f"#{bytes(shade).hex()}" for shade in shades]
    words = [html.escape(class_name(label, class_names)) for label in classes]
    dots = [
        (colours[i], words[i], f"{number % columns} {number // columns}")
        for number, i in enumerate(index)
    ]
    maps = "".join(_map(features, method, seed, dots) for method in methods)
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{word}</span>'
        for colour, word in zip(colours, words, strict=True)
    )
    return (
        f"<style>.{name} {{ background-image: url({sprite}) }}</style>\n"
        f'<div class="maps" data-sprite="{name}" data-columns="{columns}" '
        f'data-rows="{rows}">{maps}</div>\n'
        + (f'<p class="legend">{legend}</p>\n' if len(words) <= _MOST_NAMES else "")
    )


def _map(
    features: np.ndarray, method: str, seed: int, dots: Sequence[tuple[str, str, str]]
) -> str:
    """Returns one map as SVG, with equal scales on both axes."""
    points, axes = project(features, method, seed)
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([_WIDTH, _HEIGHT]) - 2 * _MARGIN
    scale = (room / np.maximum(high - low, 1e-12)).min()
    x, y = (scale * (points - (low + high) / 2)).T
    circles = "".join(
        f'<circle cx="{_WIDTH / 2 + a:.1f}" cy="{_HEIGHT / 2 - b:.1f}" r="{_RADIUS}" '
        f'fill="{colour}" fill-opacity=".75" data-at="{at}"><title>{word}</title>'
        "</circle>"
        for a, b, (colour, word, at) in zip(x, y, dots, strict=True)
    )
    caption = f"{METHODS[method]}: {axes[0]} across, {axes[1]} up"
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{caption}">{circles}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _jpeg(pictures: np.ndarray, columns: int) -> bytes:
    """Returns all pictures as one, row by row."""
    whole = sheet(np.rint(255 * pictures).astype(np.uint8), columns, 0, gap=0)
    whole = whole if whole.ndim == 3 else whole[..., None]
    return tf.io.encode_jpeg(whole, quality=_QUALITY, chroma_downsampling=False).numpy()
