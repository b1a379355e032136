"""What PIRL's trunk sees: an image, and its pieces or its turn."""

import zipfile

import h5py
import keras
import numpy as np

import keras_contrastive as kc
from tests.contracts import zoo
from tests.models.pirl import batch, compiled, images


def test_a_rotation_is_a_turned_second_view_and_a_jigsaw_cuts_the_image():
    data = {"image": zoo.images(8), "id": np.arange(8)}
    model = compiled(transform="rotation")
    first, turned = model.views(data, step=4)
    seed = [model.seed, 4]
    views = [
        model.augment(data["image"], seed=kc._seeded.fold_in(seed, v)) for v in (0, 1)
    ]
    np.testing.assert_allclose(first, views[0], atol=1e-6)
    for view, image in zip(views[1], turned, strict=True):
        gaps = [np.abs(np.rot90(view, k) - image).max() for k in range(4)]
        assert min(gaps) < 1e-6
    model = compiled()
    first, patches = model.views(data, step=4)
    np.testing.assert_allclose(first, views[0], atol=1e-6)
    assert patches.shape == (8, 9, 4, 4, 3)
    assert model.transform.area == (0.6, 1.0)
    # Ready views are cropped and coloured already: every pixel is one of theirs.
    model = compiled(augment=None)
    _, patches = model.views(batch(), step=0)
    assert model.transform.jitter is None
    colours = [set(map(tuple, x.reshape(-1, 3).round(4))) for x in images()[::-1]]
    for own, cut in zip(colours, patches.numpy(), strict=True):
        corners = set(map(tuple, cut.reshape(-1, 3).round(4)))
        assert corners & own
        assert not corners & set.union(*(other for other in colours if other != own))


def test_patches_go_through_the_one_trunk(tmp_path):
    model = compiled(augment=None)
    paths = [v.path for v in model.variables]
    trunk = {v.path for v in model.encoder.variables}
    assert len(paths) == len(set(paths))
    # Kernels and biases: one of f, two of g.
    learnt = len(model.encoder.trainable_variables)
    assert len(model.trainable_variables) == learnt + 2 + 4
    assert trunk <= set(paths)
    # `call` runs the layers that `__call__` does.
    pieces = images()[:, :16, :16]
    np.testing.assert_array_equal(
        model.encoder.call(pieces, training=False), model.encoder(pieces)
    )
    model.train_on_batch(batch())
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
    kernels = []
    with h5py.File(tmp_path / "model.weights.h5") as file:
        file.visititems(
            lambda name, x: (
                kernels.append(name)
                if "conv2d" in name and getattr(x, "ndim", 0) == 4
                else None
            )
        )
    assert len(kernels) == 2
    again = keras.saving.load_model(tmp_path / "model.keras")
    view, patches = model.views(batch(), step=0)
    for ours, theirs in zip(
        model.embed(view, patches, False),
        again.embed(view, patches, False),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_layers_of_the_trunk_keep_one_output():
    model = compiled()
    assert model.encoder.layers[-1].output.shape == (None, 16)


def test_a_layer_of_ones_own_transforms():
    model = compiled(
        augment=None, transform=keras.layers.GaussianNoise(0.1, seed=1), negatives=5
    )
    model.train_on_batch(batch())
    again = kc.models.PIRL.from_config(model.get_config())
    assert isinstance(again.transform, keras.layers.GaussianNoise)
    halves = kc.augment.Jigsaw(zoo.SIZE, grid=2, seed=1)
    model = compiled(transform=halves)
    _, patches = model.views({"image": zoo.images(8)}, step=0)
    assert patches.shape == (8, 4, 6, 6, 3)
    again = kc.models.PIRL.from_config(model.get_config())
    assert again.transform.grid == 2
