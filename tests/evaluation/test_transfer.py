import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.evaluation import extract_features, label_efficiency, transfer

from .nets import bars, trunk


def colour_trunk():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.GlobalMaxPooling2D(),
        ]
    )


def enlarged(images):
    return np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)


@pytest.mark.parametrize("k", [1, 200])
def test_the_numbers_are_those_of_the_images_made_to_fit(k):
    encoder = colour_trunk()
    (images, labels), (others, expected) = bars(60, 0), bars(90, 1)
    found = transfer(
        encoder,
        (enlarged(images), labels),
        (enlarged(others), expected),
        "photos",
        "bars",
        labels_per_class=[3, None],
        draws=2,
        seed=4,
        k=k,
    )
    fitted = [
        np.repeat(tf.image.resize(enlarged(x), (8, 8), antialias=True).numpy(), 3, -1)
        for x in (images, others)
    ]
    train, test = (extract_features(encoder, x.clip(0, 1))[0] for x in fitted)
    by_hand = label_efficiency(train, labels, test, expected, [3, None], 2, 4, k=k)
    assert found.efficiency == by_hand
    assert (found.source, found.target) == ("photos", "bars")
    assert str(found) == (
        "Transfer from photos to bars: trunk frozen, images resized to 8 x 8, grey as "
        "three channels"
    )


def test_colour_loses_its_colour_for_a_grey_trunk():
    encoder = trunk()
    (images, labels), (others, expected) = bars(30, 0), bars(30, 1)
    weights = [0.299, 0.587, 0.114]
    # A colour of which the grey is known.
    tinted = [x * np.array([1.0, 0.5, 0.2]) for x in (images, others)]
    grey = [np.sum(x * weights, axis=-1, keepdims=True) for x in tinted]
    found = transfer(encoder, (tinted[0], labels), (tinted[1], expected), "a", "b", k=5)
    same = transfer(encoder, (grey[0], labels), (grey[1], expected), "a", "b", k=5)
    assert found.efficiency == same.efficiency
    assert str(found).endswith("images turned grey")
    assert str(same).endswith("images as they are")


def test_bytes_stay_bytes():
    images = np.random.default_rng(0).integers(0, 256, (30, 9, 7, 1), dtype=np.uint8)
    labels = np.arange(30) % 3
    grey, colour = (
        transfer(colour_trunk(), (x, labels), (x, labels), "a", "b", k=3).efficiency
        for x in (images, np.repeat(images, 3, axis=-1))
    )
    assert grey == colour


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": bars(9, 0)[0]}, "`train` must have labels"),
        ({"test": bars(9, 0)[0]}, "`test` must have labels"),
        (
            {"train": (np.zeros((9, 8, 8, 2), np.uint8), np.arange(9) % 3)},
            "`images` must have 1 channels.* Received: 2",
        ),
        ({"encoder": keras.layers.Flatten()}, "`encoder` must state one shape"),
    ],
)
def test_bad_input(changed, message):
    arguments = {"encoder": trunk(), "train": bars(9, 0), "test": bars(9, 1)}
    with pytest.raises(ValueError, match=message):
        transfer(**{**arguments, **changed}, source="a", target="b")


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match="`encoder` must be a Keras layer"):
        transfer(lambda x: x, bars(9, 0), bars(9, 1), "a", "b")
