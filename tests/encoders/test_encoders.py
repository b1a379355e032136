import keras
import numpy as np
import pytest

import keras_contrastive as kc

# Parameters of the published nets without their classifiers (ImageNet stem).
PUBLISHED = {"resnet18": 11_176_512, "resnet34": 21_284_672, "resnet50": 23_508_032}


@pytest.mark.parametrize("name", PUBLISHED)
def test_resnets_have_the_published_size(name):
    encoder = kc.encoders.create(name, (64, 64, 3), stem="imagenet")
    trainable = sum(int(np.prod(v.shape)) for v in encoder.trainable_variables)
    assert trainable == PUBLISHED[name]
    assert encoder.output_shape == (None, 2048 if name == "resnet50" else 512)


def test_stems_and_widths():
    cifar = kc.encoders.create("resnet18", (32, 32, 3))
    first = next(x for x in cifar.layers if isinstance(x, keras.layers.Conv2D))
    assert (first.kernel_size, first.strides) == ((3, 3), (1, 1))
    wide = kc.encoders.create("resnet18", (32, 32, 3), width=2)
    assert wide.output_shape == (None, 1024)
    quarter = kc.encoders.create("resnet18", (32, 32, 3), width=0.25)
    assert quarter.output_shape == (None, 128)
    image = kc.encoders.create("resnet18", (96, 96, 3))
    first = next(x for x in image.layers if isinstance(x, keras.layers.Conv2D))
    assert (first.kernel_size, first.strides) == ((7, 7), (2, 2))


def test_residual_blocks_start_as_identities():
    encoder = kc.encoders.create("resnet18", (32, 32, 3))
    zeros = [
        v
        for v in encoder.trainable_variables
        if v.path.endswith("gamma") and not np.any(v.numpy())
    ]
    assert len(zeros) == 8


def test_the_convnet_is_the_small_one():
    encoder = kc.encoders.create("convnet", (32, 32, 3))
    convolutions = [x for x in encoder.layers if isinstance(x, keras.layers.Conv2D)]
    assert [x.filters for x in convolutions] == [32, 64, 128, 256]
    assert {x.strides for x in convolutions} == {(2, 2)}
    assert encoder.count_params() == 389_856
    # Small images pass as well.
    assert kc.encoders.create("convnet", (8, 8, 1)).output_shape == (None, 256)


def test_mlp_takes_any_shape():
    encoder = kc.encoders.create("mlp", (5,), units=(7, 3))
    assert encoder(np.zeros((2, 5))).shape == (2, 3)


@pytest.mark.parametrize("name", ["convnet", "resnet18", "mlp"])
def test_inference_leaves_everything_alone_and_training_moves_statistics(name):
    encoder = kc.encoders.create(name, (32, 32, 3))
    images = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    before = encoder.get_weights()
    encoder(images, training=False)
    assert all(map(np.array_equal, before, encoder.get_weights()))
    encoder(images, training=True)
    moved = [
        v.path
        for v, old in zip(encoder.weights, before, strict=True)
        if not np.array_equal(v, old)
    ]
    statistics = [v.path for v in encoder.weights if "moving" in v.path]
    assert moved == statistics


@pytest.mark.parametrize(
    ("layers", "count"), [(1, 2), (2, 1 + 2 + 2), (3, 1 + 2 + 1 + 2 + 2)]
)
def test_heads(layers, count):
    head = kc.encoders.projection_head(6, 4, hidden_dim=5, layers=layers)
    assert len(head.trainable_variables) == count
    assert head(np.zeros((2, 6))).shape == (2, 4)
    last = kc.encoders.projection_head(6, 4, layers=layers, last_batch_norm=True)
    out = last(np.random.default_rng(0).normal(size=(64, 6)), training=True).numpy()
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(0), 1, atol=1e-2)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"`name`.*convnet.*Received: 'vgg'"):
        kc.encoders.create("vgg", (32, 32, 3))
    with pytest.raises(ValueError, match=r"`input_shape`.*Received: \(32, 32\)"):
        kc.encoders.create("convnet", (32, 32))
    with pytest.raises(ValueError, match=r"`input_shape`.*Received: "):
        kc.encoders.create("convnet", (None, 32, 3))
    with pytest.raises(ValueError, match=r"`stem`.*Received: 'x'"):
        kc.encoders.create("resnet18", (32, 32, 3), stem="x")
    for width in (0, -1, 0.3):
        with pytest.raises(ValueError, match=rf"`width`.*Received: {width}"):
            kc.encoders.create("resnet18", (32, 32, 3), width=width)
    with pytest.raises(ValueError, match=r"`layers`.*Received: 4"):
        kc.encoders.projection_head(8, layers=4)
    with pytest.raises(ValueError, match=r"`projection_dim`.*Received: 0"):
        kc.encoders.projection_head(8, 0)
