"""Trunks of this package under KerasHub's head, and its backbones as trunks."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

keras_hub = pytest.importorskip("keras_hub")

MEANS, DEVIATIONS = [123.7, 116.3, 103.5], [58.4, 57.1, 57.4]


def converter(**options):
    scale = [1 / x for x in DEVIATIONS]
    offset = [-mean / x for mean, x in zip(MEANS, DEVIATIONS, strict=True)]
    return keras_hub.layers.ImageConverter(scale=scale, offset=offset, **options)


def resnet():
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(32, 32, 3),
    )


def test_its_classifier_takes_a_trunk_s_map():
    encoder = kc.encoders.from_preset("convnet_simclr_cifar10")
    # It pools by itself, and wants what is before the trunk's own pooling.
    backbone = keras.Model(encoder.input, encoder.layers[-1].input)
    unit = keras_hub.layers.ImageConverter(scale=1 / 255)
    classifier = keras_hub.models.ImageClassifier(
        backbone=backbone,
        num_classes=10,
        preprocessor=keras_hub.models.ImageClassifierPreprocessor(unit),
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    logits = classifier.predict(images, verbose=0)
    head = classifier.output_dense
    expected = encoder(images / np.float32(255)) @ head.kernel + head.bias
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    before = encoder.get_weights()
    classifier.compile(keras.optimizers.Adam(1e-3))
    labels = np.arange(8)
    # It makes a tf.data set of the arrays, and Keras warns of shuffling one.
    fitted = classifier.fit(images, labels, shuffle=False, epochs=4, verbose=0)
    history = fitted.history
    assert history["loss"][-1] < history["loss"][0]
    assert not any(map(np.array_equal, before, encoder.get_weights()))


def test_it_says_that_a_pooled_trunk_is_none():
    """The README's words, should KerasHub come to take vectors."""
    encoder = kc.encoders.create("convnet", (32, 32, 3))
    with pytest.raises(ValueError, match=r"pooler.*expected ndim=4, found ndim=2"):
        keras_hub.models.ImageClassifier(backbone=encoder, num_classes=10)


@pytest.mark.parametrize("wrapped", [False, True])
def test_its_converter_is_respected(wrapped):
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    backbone = resnet()
    preprocess = converter()
    if wrapped:
        preprocess = keras_hub.models.ImageClassifierPreprocessor(preprocess)
    encoder = kc.encoders.from_backbone(backbone, preprocess=preprocess)
    given = (255 * images - MEANS) / DEVIATIONS
    expected = np.mean(backbone(given), (1, 2))
    np.testing.assert_allclose(encoder(images), expected, rtol=1e-3, atol=1e-5)


def test_its_converter_s_size_is_the_backbone_s():
    backbone = resnet()
    encoder = kc.encoders.from_backbone(
        backbone, preprocess=converter(image_size=(32, 32))
    )
    assert encoder.input_shape == (None, 32, 32, 3)


def test_a_step_of_simclr_trains_its_backbone():
    backbone = resnet()
    encoder = kc.encoders.from_backbone(backbone, preprocess=converter())
    model = kc.models.SimCLR(encoder, projection_dim=8)
    model.compile(keras.optimizers.SGD(0.1))
    before = {x.path: x.numpy() for x in backbone.weights}
    views = np.random.default_rng(0).random((2, 8, 32, 32, 3), np.float32)
    model.train_on_batch({"views": tuple(views)})
    moved = {x.path for x in backbone.weights if not np.array_equal(x, before[x.path])}
    assert moved == set(before)


def test_its_batch_norm_is_synchronised_over_replicas(two_devices):
    with two_devices.scope():
        backbone = resnet()
        kc.models.SimCLR(kc.encoders.from_backbone(backbone, preprocess=converter()))
    norms = [
        x
        for x in backbone._flatten_layers()
        if isinstance(x, keras.layers.BatchNormalization)
    ]
    assert norms
    assert all(norm.synchronized for norm in norms)
