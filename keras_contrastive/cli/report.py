"""What a pretraining run leaves behind for its reader: pictures and a table."""

import json

import keras

from keras_contrastive import evaluation, plots
from keras_contrastive.cli import images as images_
from keras_contrastive.cli.features_page import neighbours, sized
from keras_contrastive.cli.methods import CORRUPTIONS, METHODS
from keras_contrastive.cli.parts import load, make_encoder, make_policy
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.settings import Settings, few_steps
from keras_contrastive.cli.splits import Splits
from keras_contrastive.cli.worth import PRETRAINED, UNTRAINED, hints, table
from keras_contrastive.data.load import Description

# Points of the map.
_QUERIES = 2_000
# Images that neighbours are looked for among.
_PICTURES = 1_000


def draw(
    settings: Settings,
    description: Description,
    splits: Splits,
    folder: RunFolder,
    model: keras.Model,
) -> None:
    """Writes the pictures: views, or reconstructions, curves, and the embedding."""
    encoder = model.encoder
    images = next(iter(load(settings, splits.train).batch(8)))["image"]
    policy = make_policy(settings)
    if METHODS[settings.method].pairs:
        views = [policy(images, seed=[settings.seed, view]) for view in range(4)]
        plots.save(plots.plot_views(images, views), folder.path / "views.png")
    else:
        kind, rate = (settings.arguments[x] for x in ("corruption", "corruption_rate"))
        corruptions = {
            f"{factor * rate:.2g}": CORRUPTIONS[kind](
                factor * rate, settings.arguments["patch_size"]
            )
            for factor in (0.5, 1, 1.5)
        }
        clean = policy(images, seed=[settings.seed, 0])
        figure = plots.plot_reconstructions(model.energy, clean, corruptions)
        plots.save(figure, folder.path / "reconstructions.png")
    # A method without a head compares the features themselves.
    dim = settings.arguments.get("projection_dim") or encoder.output_shape[-1]
    curves = plots.plot_curves(folder.read_history(), dim=dim)
    plots.save(curves, folder.path / "curves.png")
    if not description.num_classes:
        return
    queries = load(settings, splits.queries).take(_QUERIES)
    # Below three points there is no map.
    if int(queries.cardinality()) > 2:
        features, labels = evaluation.extract_features(
            encoder, queries, image_size=settings.image_size
        )
        figure = plots.plot_embedding(
            features, labels, description.class_names, method="tsne"
        )
        plots.save(figure, folder.path / "embedding.png")
        # All of them at the trunk's size would be large for large images.
        few = sized(queries.take(_PICTURES), settings.image_size)
        figure = neighbours(features[:_PICTURES], labels[:_PICTURES], few)
        plots.save(figure, folder.path / "neighbours.png")


def report(
    settings: Settings,
    splits: Splits,
    folder: RunFolder,
    encoder: keras.Model,
    count: int,
) -> list[evaluation.LabelEfficiency]:
    """Prints and writes what the features are worth on the held-out split.

    Returns:
        The encoder's row of the table.
    """
    # As `evaluate` reads them, without the room that views are cropped from.
    whole, test = (
        images_.load(vars(settings), x, settings.image_size)
        for x in (splits.train, splits.test)
    )
    train, test = whole.take(count), test.take(count)
    untrained = make_encoder(settings, encoder.input_shape[-1])
    # Whoever compares this row with another must know that it has seen all labels.
    pretrained = PRETRAINED
    if settings.uses_labels:
        pretrained += ", with labels"
    results = table(
        train,
        test,
        {UNTRAINED: untrained, pretrained: encoder},
        settings.image_size,
    )
    print(
        f"\nWhat the features are worth on the {int(test.cardinality())} held-out "
        f"images of {splits.test!r}, with labels of {splits.train!r} "
        f"(mean ± spread of 5 draws):\n"
    )
    print(evaluation.label_efficiency_table(results))
    for line in hints(results, int(test.cardinality())):
        print(f"\n{line}")
    if few := few_steps(settings, int(whole.cardinality())):
        print(f"\n{few}")
    if settings.uses_labels:
        print(
            f"\n{settings.method} learnt from every label of {splits.train!r}: its row "
            "is no measure of learning from few labels."
        )
    markdown = evaluation.label_efficiency_table(results, markdown=True)
    folder.table.write_text(markdown + "\n")
    numbers = {name: [vars(r) for r in rows] for name, rows in results.items()}
    (folder.path / "evaluation.json").write_text(json.dumps(numbers, indent=2) + "\n")
    return results[pretrained]
