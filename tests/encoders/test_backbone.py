import keras
import numpy as np
import pytest

import keras_contrastive as kc

# One of each mode: means of BGR, means and deviations of RGB, -1 to 1, none.
PREPROCESS = {
    "caffe": keras.applications.resnet.preprocess_input,
    "torch": keras.applications.densenet.preprocess_input,
    "tf": keras.applications.mobilenet_v2.preprocess_input,
    "none": keras.applications.efficientnet.preprocess_input,
}


def mobilenet():
    return keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), alpha=0.35
    )


def colours():
    """A backbone whose features are the mean colours of what it is given."""
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, keras.layers.Identity()(inputs))


@pytest.mark.parametrize("mode", PREPROCESS)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_preprocessing_of_keras_applications_is_respected(mode, policy, tmp_path):
    images = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    expected = PREPROCESS[mode](255 * images.copy()).mean((1, 2))
    backbone = colours()
    keras.config.set_dtype_policy(policy)
    encoder = kc.encoders.from_backbone(backbone, preprocess=PREPROCESS[mode])
    # The mean over the pixels is of the policy; what is pooled is not.
    tolerance = {"rtol": 1e-4} if policy == "float32" else {"rtol": 8e-3}
    np.testing.assert_allclose(encoder(images), expected, atol=1e-4, **tolerance)
    encoder.save(tmp_path / "encoder.keras")
    again = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(again(images), encoder(images), rtol=1e-5)


def test_a_layer_comes_before_the_backbone_and_the_range_before_it():
    layer = keras.layers.Rescaling([1, 2, 3], offset=[4, 5, 6])
    encoder = kc.encoders.from_backbone(colours(), (-1, 1), preprocess=layer)
    np.testing.assert_allclose(encoder(np.ones((1, 2, 2, 3))), [[5, 7, 9]])
    np.testing.assert_allclose(encoder(np.zeros((1, 2, 2, 3))), [[3, 3, 3]])


def test_a_backbone_takes_unit_images_and_shares_its_weights():
    backbone = mobilenet()
    encoder = kc.encoders.from_backbone(backbone, pixel_range=(-1, 1))
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    expected = np.asarray(backbone(images * 2 - 1)).mean((1, 2))
    np.testing.assert_allclose(encoder(images), expected, atol=1e-5)
    assert encoder.trainable_variables[0] is backbone.trainable_variables[0]


@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_of_simclr_trains_a_backbone(frozen):
    backbone = mobilenet()
    backbone.trainable = not frozen
    encoder = kc.encoders.from_backbone(backbone, preprocess=PREPROCESS["tf"])
    model = kc.models.SimCLR(encoder, projection_dim=8)
    model.compile(keras.optimizers.SGD(0.1))
    before = {x.path: x.numpy() for x in backbone.weights}
    head = model.trainable_variables[-1].numpy()
    views = np.random.default_rng(0).random((2, 16, 32, 32, 3), np.float32)
    # Keras's own batch norm sees both views as one batch, as ours does.
    first = backbone.get_layer("Conv1")(2 * views.reshape(-1, 32, 32, 3) - 1)
    model.train_on_batch({"views": tuple(views)})
    same = [x.path for x in backbone.weights if np.array_equal(x, before[x.path])]
    assert not np.array_equal(model.trainable_variables[-1], head)
    if frozen:
        # Its statistics as well.
        assert len(same) == len(before)
        return
    assert same == []
    norm = backbone.get_layer("bn_Conv1")
    moved = (1 - norm.momentum) * np.mean(first, (0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean, moved, rtol=1e-3, atol=1e-7)


def test_groups_of_a_backbone_s_batch_norm_are_refused():
    encoder = kc.encoders.from_backbone(mobilenet(), (-1, 1))
    with pytest.raises(ValueError, match=r"`batch_norm_groups`.*Received: 8"):
        kc.models.MoCo(encoder, queue_size=64)
    kc.models.MoCo(encoder, queue_size=64, batch_norm_groups=1)


def test_a_backbone_with_a_pyramid_gives_its_last_map():
    inputs = keras.Input((8, 8, 3))
    first = keras.layers.Conv2D(2, 3)(inputs)
    second = keras.layers.Conv2D(5, 3)(first)
    pyramid = keras.Model(inputs, {"P1": first, "P2": second})
    assert kc.encoders.from_backbone(pyramid).output_shape == (None, 5)


def test_what_is_no_backbone_is_refused():
    with pytest.raises(TypeError, match=r"`model`.*Received: "):
        kc.encoders.from_backbone(keras.layers.Dense(3))
    tokens = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Reshape((64, 3))])
    with pytest.raises(ValueError, match=r"`model` must give.*Received: .*64, 3"):
        kc.encoders.from_backbone(tokens)
