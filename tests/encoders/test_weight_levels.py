import keras
import numpy as np
import pytest

import keras_contrastive as kc


def by_path(encoder):
    levels = kc.encoders.weight_levels(encoder)
    return {w.path: level for w, level in zip(encoder.weights, levels, strict=True)}


def fresh(name, **options):
    # Names count up over the process.
    keras.utils.clear_session()
    return kc.encoders.create(name, (16, 16, 3), **options)


def test_a_convolution_and_its_batch_norm_are_one_level():
    levels = by_path(fresh("convnet", filters=(4, 8, 8)))
    for number in range(3):
        suffix = f"_{number}" if number else ""
        assert levels[f"conv2d{suffix}/kernel"] == number + 1
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            assert levels[f"batch_normalization{suffix}/{name}"] == number + 1


@pytest.mark.parametrize(
    ("name", "count"), [("resnet18", 17), ("resnet34", 33), ("resnet50", 49)]
)
def test_a_resnet_has_the_levels_of_its_name(name, count):
    encoder = keras.models.clone_model(fresh(name))
    assert set(kc.encoders.weight_levels(encoder)) == set(range(1, count + 1))


def test_a_shortcut_is_level_with_the_first_convolution_of_its_block():
    encoder = fresh("resnet18")
    levels = by_path(encoder)
    # The third block is the first with a convolution on its shortcut: 7 of them so
    # far, and the two in question, in the order in which they were made.
    kernels = [w for w in encoder.weights if w.path.endswith("kernel")]
    shapes = {w.path: w.shape for w in kernels}
    shortcut = next(path for path, shape in shapes.items() if shape[:2] == (1, 1))
    number = int(shortcut.split("/")[0].rsplit("_", 1)[1])
    first, second = (f"conv2d_{number + back}/kernel" for back in (-2, -1))
    assert levels[shortcut] == levels[first] == levels[second] - 1 == 6
    # Keras lists both kernels before both norms: position alone would tell it wrong.
    assert levels[f"batch_normalization_{number}/gamma"] == 6
    assert levels[f"batch_normalization_{number - 1}/gamma"] == 7


def test_models_inside_models_are_followed_and_other_layers_are_one_level():
    @keras.saving.register_keras_serializable(package="tests")
    class Pair(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.parts = [keras.layers.Dense(3), keras.layers.Dense(3)]

        def call(self, x):
            return self.parts[1](self.parts[0](x))

    inputs = keras.Input((3,))
    norm, shared = keras.layers.BatchNormalization(), keras.layers.Dense(3)
    x = shared(norm(inputs))
    inner = keras.Sequential([keras.Input((3,)), Pair(), keras.layers.Dense(3)])
    x = shared(inner(x))
    last = keras.layers.Dense(2)
    model = keras.Model(inputs, last(x))
    levels = dict(
        zip(map(id, model.weights), kc.encoders.weight_levels(model), strict=True)
    )
    for layer, level in (
        (norm, 1),
        (shared, 1),
        (inner.layers[0], 2),
        (inner.layers[1], 3),
        (last, 5),
    ):
        assert {levels[id(w)] for w in layer.weights} == {level}

    # As a net of another library is wrapped: one functional model in another.
    wrapped = kc.encoders.from_backbone(fresh("convnet", filters=(4, 8)))
    assert sorted(kc.encoders.weight_levels(wrapped)) == 5 * [1] + 5 * [2]


def test_a_reloaded_saved_model_has_the_levels_of_the_original(tmp_path):
    encoder = fresh("resnet18")
    kc.export.export_encoder(encoder, tmp_path / "encoder")
    reloaded = kc.export.load_encoder(tmp_path / "encoder")
    levels = kc.encoders.weight_levels(reloaded)
    assert len(levels) == len(reloaded.weights) == len(encoder.weights)
    # In another order than the original's: two kernels change places on reloading.
    paths = [w.path.replace("/", "_") for w in encoder.weights]
    assert [w.path for w in reloaded.weights] != paths
    original = by_path(encoder)
    expected = {path.replace("/", "_"): x for path, x in original.items()}
    assert {w.path: x for w, x in zip(reloaded.weights, levels, strict=True)} == (
        expected
    )
    # Whether it is frozen changes nothing.
    reloaded.trainable = False
    frozen = {
        id(w): x
        for w, x in zip(
            reloaded.weights, kc.encoders.weight_levels(reloaded), strict=True
        )
    }
    reloaded.trainable = True
    assert [frozen[id(w)] for w in reloaded.weights] == levels


def test_a_seed_in_a_saved_model_is_no_obstacle(tmp_path):
    parts = [keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    encoder = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), *parts])
    kc.export.export_encoder(encoder, tmp_path / "encoder")
    reloaded = kc.export.load_encoder(tmp_path / "encoder")
    assert len(reloaded.weights) == 3  # the seed's state is one of them
    assert kc.encoders.weight_levels(reloaded) == [1, 1, 1]


def test_bad_input_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"`encoder`.*Received: ndarray"):
        kc.encoders.weight_levels(np.ones(3))
    kc.export.export_encoder(fresh("convnet", filters=(4,)), tmp_path / "encoder")
    card = tmp_path / "encoder" / "keras_contrastive.json"
    card.write_text('{"format": 1, "input_shape": [16, 16, 3], "features": 4}')
    reloaded = kc.export.load_encoder(tmp_path / "encoder")
    with pytest.raises(ValueError, match=r"exported again.*Received: "):
        kc.encoders.weight_levels(reloaded)
