"""What a run's features look like: maps, neighbours, confusions."""

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from keras_contrastive import evaluation, export, plots
from keras_contrastive.cli import images as images_
from keras_contrastive.cli.parts import load
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.settings import Settings
from keras_contrastive.cli.splits import choose
from keras_contrastive.data.squared import squared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BANK, _NEIGHBOURS = 10_000, 20
# Queries in the picture of neighbours, and what is shown of each.
_SHOWN, _NEAREST = 10, 8


def add_features(
    page: plots.HtmlPage,
    folder: RunFolder,
    settings: Settings,
    count: int,
) -> None:
    """Adds what the exported encoder makes of images that were kept for choices.

    Args:
        page: To add to.
        folder: Of the run.
        settings: Of the run.
        count: Images at most.
    """
    description = images_.describe(vars(settings), listed=folder.image_files)
    if not description.num_classes:
        return
    splits = choose(description, settings.train_split, settings.uses_labels)
    queries = load(settings, splits.queries).take(count)
    side = settings.image_size
    images = sized(queries, side)
    # Below three points there is no map.
    if len(images) < 3:
        return
    encoder = export.load_encoder(folder.encoder)
    extract = evaluation.FeatureExtractor(encoder, image_size=side)
    features, labels = extract(queries)
    page.heading(f"{len(features):,} images of {splits.queries!r}", 3)
    page.text("Hover over a point to see its image.")
    page.fragment(plots.html_map(features, labels, images, description.class_names))
    page.picture(
        neighbours(features, labels, images),
        "An image a class, and those with the nearest features",
    )
    bank = load(settings, splits.bank).take(_BANK)
    predicted = evaluation.knn_predict(*extract(bank), features, k=_NEIGHBOURS)
    page.picture(
        plots.plot_confusion(labels, predicted, description.class_names),
        f"Classes by the {_NEIGHBOURS} nearest of {splits.bank!r}",
    )


def sized(images: tf.data.Dataset, side: int) -> np.ndarray:
    """Returns images as uint8 of one size, `(n, side, side, channels)`.

    Args:
        images: Elements with "image", of any size.
        side: In pixels.
    """
    return np.stack([x["image"] for x in squared(images, side).as_numpy_iterator()])


def neighbours(
    features: np.ndarray, labels: np.ndarray, images: np.ndarray
) -> "Figure":
    """Returns a picture of what is nearest to an image of each of some classes.

    Args:
        features: `(n, dim)`.
        labels: `(n,)`.
        images: `(n, height, width, channels)`.
    """
    # The first of each class.
    shown = np.sort(np.unique(labels, return_index=True)[1])[:_SHOWN]
    count = min(_NEAREST, len(features) - 1)
    rows = evaluation.Index(features).nearest(features[shown], count, shown).rows
    return plots.plot_neighbours(images[shown], images, rows, labels[shown], labels)
