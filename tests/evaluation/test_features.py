import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.evaluation import FeatureExtractor, extract_features
from keras_contrastive.export import export_encoder, load_encoder


def pixels(count=23, size=8, channels=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, size, size, channels)).astype(np.uint8)


def trunk(size=8, channels=3, dtype=None):
    encoder = keras.Sequential(
        [
            keras.Input((size, size, channels)),
            keras.layers.Conv2D(4, 3, dtype=dtype),
            keras.layers.BatchNormalization(dtype=dtype),
            keras.layers.Dropout(0.5, dtype=dtype),
            keras.layers.GlobalAveragePooling2D(dtype=dtype),
        ]
    )
    # Statistics that differ from those of any batch.
    encoder.layers[1].moving_mean.assign([0.3, -0.2, 0.1, 0.5])
    encoder.layers[1].moving_variance.assign([2.0, 0.5, 1.0, 3.0])
    return encoder


def dataset(images, **columns):
    return tf.data.Dataset.from_tensor_slices({"image": images, **columns})


def expected_features(encoder, images):
    return encoder(images.astype("float32") / 255, training=False).numpy()


def test_features_are_those_of_inference_in_order():
    encoder, images, labels = trunk(), pixels(), np.arange(23)
    before = [np.copy(w) for w in encoder.get_weights()]
    data = dataset(images, label=labels, id=[str(i) for i in range(23)])
    features, found = extract_features(encoder, data, batch_size=5)
    np.testing.assert_allclose(
        features, expected_features(encoder, images), rtol=1e-5, atol=1e-6
    )
    assert features.dtype == np.float32
    np.testing.assert_array_equal(found, labels)
    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "form", ["floats", "pair", "pairs", "batched", "batched pairs", "bare", "tensor"]
)
def test_every_form_of_data(form):
    encoder, images, labels = trunk(), pixels(), np.arange(23) % 4
    source = {
        "floats": images.astype("float64") / 255,
        "pair": (images, labels),
        "pairs": tf.data.Dataset.from_tensor_slices((images, labels)),
        "batched": dataset(images, label=labels).batch(7),
        "batched pairs": tf.data.Dataset.from_tensor_slices((images, labels)).batch(7),
        "bare": tf.data.Dataset.from_tensor_slices(images),
        "tensor": tf.constant(images),
    }[form]
    features, found = extract_features(encoder, source, batch_size=6)
    np.testing.assert_allclose(
        features, expected_features(encoder, images), rtol=1e-5, atol=1e-6
    )
    if form in ("floats", "bare", "tensor"):
        assert found is None
    else:
        np.testing.assert_array_equal(found, labels)


def test_one_trace_for_short_batches_and_repeated_calls():
    encoder = trunk()
    traces = []
    inner = encoder.call
    encoder.call = lambda *args, **kwargs: traces.append(1) or inner(*args, **kwargs)
    extract = FeatureExtractor(encoder, batch_size=5)
    first, _ = extract(pixels(23))
    extract(pixels(4))
    encoder.layers[0].bias.assign_add(np.ones(4))
    later, _ = extract(pixels(23))
    assert len(traces) == 1
    assert np.abs(later - first).min() > 1e-3  # new weights show without a new trace


@pytest.mark.parametrize(
    ("one_size", "batched"), [(True, True), (True, False), (False, False)]
)
def test_resizing(one_size, batched):
    sizes = [(12, 12)] * 5 if one_size else [(12, 12), (7, 9), (30, 20), (8, 8), (5, 5)]
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]
    shape = (12, 12, 3) if one_size else (None, None, 3)
    data = tf.data.Dataset.from_generator(
        lambda: iter(images), output_signature=tf.TensorSpec(shape, tf.uint8)
    )
    data = data.batch(2) if batched else data
    encoder = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    features, _ = extract_features(encoder, data, batch_size=3, image_size=8)
    expected = [
        tf.image.resize(image / 255, (8, 8), antialias=True).numpy().ravel()
        for image in images
    ]
    np.testing.assert_allclose(features, np.stack(expected), atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_float32(dtype):
    features, _ = extract_features(trunk(dtype=dtype), pixels())
    assert features.dtype == np.float32


def test_layers_without_a_training_argument():
    features, _ = extract_features(keras.layers.Flatten(), pixels(3))
    np.testing.assert_allclose(features, pixels(3).reshape(3, -1) / 255, atol=1e-6)


def test_reloaded_saved_model(tmp_path):
    encoder, images = trunk(), pixels()
    export_encoder(encoder, tmp_path / "encoder")
    reloaded = load_encoder(tmp_path / "encoder")
    features, _ = extract_features(reloaded, images, batch_size=6)
    np.testing.assert_allclose(
        features, expected_features(encoder, images), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(ValueError, match="the encoder's shape \\(8, 8, 3\\)"):
        extract_features(reloaded, pixels(channels=1))


def test_mirrored_weights(two_devices):
    with two_devices.scope():
        encoder = trunk()
        features, _ = extract_features(encoder, pixels(), batch_size=6)
    np.testing.assert_allclose(
        features, expected_features(encoder, pixels()), rtol=1e-5, atol=1e-6
    )


def _with_nan():
    images = pixels().astype("float32") / 255
    images[7, 3, 3, 0] = np.nan
    return images


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pixels().astype("float32"), "divide float images in 0..255 by 255"),
        (pixels() / 255 - 0.5, "must be in \\[0, 1\\]"),
        (_with_nan(), "1 of them NaN"),
        (pixels(channels=1), "Received: images of \\(8, 8, 1\\)"),
        (pixels(size=9), "`image_size`"),
        (pixels()[0], "\\(n, height, width, channels\\)"),
        ((pixels(), np.zeros(22, int)), "one label an image"),
        (dataset(pixels()).take(0), "must hold images"),
        (dataset(pixels()).repeat(), "must end"),
        (tf.data.Dataset.from_tensor_slices({"x": pixels()}), 'with an "image"'),
        (tf.data.Dataset.from_tensors((pixels(), 1, 2)), "pairs"),
        (dataset(pixels()).batch(2).batch(2), "Images must have shape"),
    ],
)
def test_bad_images(source, message):
    with pytest.raises(ValueError, match=message):
        extract_features(trunk(), source)


def test_images_of_several_sizes_ask_for_image_size():
    data = tf.data.Dataset.from_generator(
        lambda: iter(pixels()), output_signature=tf.TensorSpec((None, None, 3), "uint8")
    )
    with pytest.raises(ValueError, match="need `image_size`"):
        extract_features(trunk(), data)


def test_other_bad_input():
    with pytest.raises(TypeError, match="dtype int32"):
        extract_features(trunk(), pixels().astype(np.int32))
    with pytest.raises(TypeError, match=r"tf\.data\.Dataset, an array"):
        extract_features(trunk(), "images")
    with pytest.raises(TypeError, match="`encoder` must be a Keras layer"):
        extract_features(lambda images: images, pixels())
    with pytest.raises(ValueError, match="pooled features"):
        extract_features(keras.layers.Conv2D(2, 3), pixels())
    for name in ("batch_size", "image_size"):
        with pytest.raises(ValueError, match=f"`{name}` must be at least 1"):
            extract_features(trunk(), pixels(), **{name: 0})
