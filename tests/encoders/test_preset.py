import configparser
import hashlib
import io
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.encoders.preset_file import pack, unpack


def used_trunk(**options):
    """A trunk whose batch norm has seen images."""
    keras.utils.set_random_seed(0)
    trunk = kc.encoders.create("convnet", (16, 16, 3), filters=(4, 8), **options)
    images = np.random.default_rng(0).random((32, 16, 16, 3), np.float32)
    for _ in range(3):
        trunk(images, training=True)
    return trunk


@pytest.fixture
def images():
    return np.random.default_rng(1).random((8, 16, 16, 3), np.float32)


@pytest.fixture
def folder(tmp_path):
    kc.export.export_preset(used_trunk(), tmp_path / "mine", {"licence": "MIT"})
    return tmp_path / "mine"


def rewritten(folder, packed=None, **changes):
    """Gives a preset another file, with its true hash, or another card."""
    card = json.loads((folder / "card.json").read_text())
    if packed is not None:
        (folder / "encoder.npz").write_bytes(packed)
        changes["sha256"] = hashlib.sha256(packed).hexdigest()
    card = {k: v for k, v in (card | changes).items() if v is not None}
    (folder / "card.json").write_text(json.dumps(card))


def arrays_of(folder):
    with np.load(folder / "encoder.npz") as file:
        return dict(file)


def packed(arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def test_a_preset_is_the_trunk(folder, images):
    expected = used_trunk()(images)
    encoder = kc.encoders.from_preset(folder)
    np.testing.assert_array_equal(encoder(images), expected)
    assert encoder.trainable
    card = json.loads((folder / "card.json").read_text())
    assert card["licence"] == "MIT"
    assert (card["name"], card["encoder"]) == ("mine", "convnet")
    assert (card["input_shape"], card["pixel_range"]) == ([16, 16, 3], [0, 1])
    assert (card["features"], card["parameters"]) == (8, encoder.count_params())
    file = (folder / "encoder.npz").read_bytes()
    assert card["sha256"] == hashlib.sha256(file).hexdigest()
    assert kc.encoders.from_preset(str(folder), card["sha256"].upper()).built


def test_half_precision_is_half_the_kernels_and_nearly_the_features(tmp_path, images):
    trunk = used_trunk()
    # Beyond float16, as batch norm's variances may be.
    trunk.layers[2].moving_variance.assign([7e4, 1, 1, 1])
    model = kc.models.SimCLR(trunk)
    kc.export.export_preset(model, tmp_path / "half", half=True)
    arrays = arrays_of(tmp_path / "half")
    dtypes = {x.dtype for name, x in arrays.items() if x.ndim == 4}
    assert dtypes == {np.dtype("float16")}
    encoder = kc.encoders.from_preset(tmp_path / "half")
    assert {weight.dtype for weight in encoder.weights} == {"float32"}
    for ours, theirs in zip(encoder.weights, trunk.weights, strict=True):
        rtol = 2**-11 if len(ours.shape) > 1 else 0
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=2**-25 if rtol else 0)
    features, rounded = trunk(images), encoder(images)
    np.testing.assert_allclose(features, rounded, rtol=0.01, atol=1e-3)
    # What was rounded is rounded: an accuracy measured on it is that of its copy.
    assert pack(encoder, half=True) == pack(unpack(pack(encoder, half=True)), half=True)
    trunk.layers[1].kernel.assign(trunk.layers[1].kernel * 1e7)
    with pytest.raises(ValueError, match=r"`half`.*Received: conv2d.*kernel"):
        kc.export.export_preset(trunk, tmp_path / "large", half=True)
    assert not (tmp_path / "large").exists()


def test_nothing_is_read_before_the_hash_is_right(folder, monkeypatch):
    def untouchable(*_, **__):
        raise AssertionError("read")

    monkeypatch.setattr(np, "load", untouchable)
    file = folder / "encoder.npz"
    good = file.read_bytes()
    with pytest.raises(ValueError, match=r"SHA-256 0000.*Received: .*mine, where"):
        kc.encoders.from_preset(folder, "0000")
    for broken in (good[:-100], b"", good[:500] + b"x" + good[501:]):
        file.write_bytes(broken)
        with pytest.raises(ValueError, match=r"has the SHA-256.*is broken"):
            kc.encoders.from_preset(folder)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"Received: .*without encoder\.npz"):
        kc.encoders.from_preset(folder)
    (folder / "card.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"Received: .*without card\.json"):
        kc.encoders.from_preset(folder)


NOT_SAID = [{name: None} for name in ("sha256", "format", "input_shape", "features")]


@pytest.mark.parametrize("changes", [*NOT_SAID, {"format": 2}, {"features": "8"}])
def test_a_card_says_what_is_needed(folder, changes):
    rewritten(folder, **changes)
    with pytest.raises(ValueError, match=r"card\.json is of format 1.*Received: "):
        kc.encoders.from_preset(folder)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"format": 1'])
def test_a_card_that_is_none_is_refused(folder, text):
    (folder / "card.json").write_text(text)
    with pytest.raises(ValueError, match=r"card\.json is of format 1.*Received: "):
        kc.encoders.from_preset(folder)


def test_a_trunk_of_another_shape_than_the_card_s_is_refused(folder):
    rewritten(folder, features=9)
    words = r"9 features of \[16, 16, 3\].*Received: .*, with 8 of \[16, 16, 3\]"
    with pytest.raises(ValueError, match=words):
        kc.encoders.from_preset(folder)


def test_files_that_are_no_trunk_are_refused(folder):
    good = (folder / "encoder.npz").read_bytes()
    arrays = arrays_of(folder)
    layers = json.loads(arrays["layers"].tobytes())
    code = keras.saving.serialize_keras_object(
        keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x)])
    )
    no_model = keras.saving.serialize_keras_object(keras.layers.Dense(3))

    def described(config):
        text = json.dumps(config).encode()
        return packed(arrays | {"layers": np.frombuffer(text, np.uint8)})

    pickled = packed(arrays | {"0": np.array([{}, 1], dtype=object)})
    numbers = io.BytesIO()
    np.save(numbers, np.arange(3))
    for bad, words in (
        (good[:-100], "BadZipFile"),
        (b"", "EOFError"),
        (numbers.getvalue(), "TypeError"),
        (pickled, "allow_pickle=False"),
        (packed({"0": arrays["0"]}), "KeyError"),
        (described({"class_name": "Nothing"}), "Received: "),
        (described(code), "Received: ValueError.*unsafe"),
        (described(no_model), "must hold a Keras model. Received: Dense"),
        (described({**layers, "class_name": "Nothing"}), "Received: ValueError"),
        (packed(arrays | {"0": arrays["0"][:2]}), r"shapes.*Received: \[\(2, 3"),
        (packed({k: v for k, v in arrays.items() if k != "3"}), "shapes.*None"),
        (packed(arrays | {"10": arrays["0"]}), "shapes"),
    ):
        rewritten(folder, bad)
        with pytest.raises(ValueError, match=f"(?s){words}"):
            kc.encoders.from_preset(folder)
    rewritten(folder, good)
    assert kc.encoders.from_preset(folder).built


def test_names_that_are_none_are_answered_with_those_that_are(tmp_path):
    with pytest.raises(ValueError, match=r"convnet_simclr_cifar10.*Received: 'convne"):
        kc.encoders.from_preset("convnet_simclr")
    near = r"close to it: convnet_simclr_cifar10\. Received: 'convnet_sinclr_cifar'"
    with pytest.raises(ValueError, match=near):
        kc.encoders.from_preset("convnet_sinclr_cifar")
    with pytest.raises(ValueError, match=r"Received: 'some/path', which is neither"):
        kc.encoders.from_preset("some/path")
    with pytest.raises(FileNotFoundError, match=r"Received: .*without card"):
        kc.encoders.from_preset(tmp_path)
    with pytest.raises(TypeError, match="Received: None"):
        kc.encoders.from_preset(None)


def test_what_cannot_be_exported_is_refused(folder):
    with pytest.raises(FileExistsError, match=r"`path`.*Received"):
        kc.export.export_preset(used_trunk(), folder)
    with pytest.raises(TypeError, match=r"`model_or_trunk`.*Received: Dense"):
        kc.export.export_preset(keras.layers.Dense(2), folder)
    # A card that is no JSON leaves no half of a preset.
    with pytest.raises(TypeError, match="JSON"):
        kc.export.export_preset(used_trunk(), folder / "x", {"settings": object()})
    assert not (folder / "x").exists()


def test_other_trunks_are_presets_too(tmp_path):
    ours = kc.encoders.create("resnet18", (8, 8, 3))
    theirs = kc.encoders.from_backbone(
        keras.applications.MobileNetV2(
            include_top=False, weights=None, input_shape=(32, 32, 3), alpha=0.35
        ),
        preprocess=keras.applications.mobilenet_v2.preprocess_input,
    )
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = used_trunk()
    keras.config.set_dtype_policy("bfloat16")
    small = kc.encoders.create("convnet", (16, 16, 3), filters=(4, 8))
    keras.config.set_dtype_policy("float32")
    trunks = {"ours": ours, "theirs": theirs, "half": half, "small": small}
    for name, trunk in trunks.items():
        kc.export.export_preset(trunk, tmp_path / name)
        again = kc.encoders.from_preset(tmp_path / name)
        x = np.random.default_rng(0).random((2, *trunk.input_shape[1:]), np.float32)
        np.testing.assert_array_equal(trunk(x), again(x))


def test_the_presets_of_the_package_are_what_their_cards_say():
    presets = kc.encoders.presets
    assert "convnet_simclr_cifar10" in presets
    assert "nothing" not in presets
    with pytest.raises(KeyError, match=r"one of convnet.*Received: 'nothing'"):
        presets["nothing"]
    with pytest.raises(KeyError, match="close to it: convnet_simclr_cifar10"):
        presets["convnet_simclr_cifar"]
    assert len(presets) == len(dict(presets)) == len(repr(presets).splitlines())
    zoo = pathlib.Path(kc.encoders.__file__).parent / "zoo"
    sizes = {path: path.stat().st_size for path in zoo.rglob("*") if path.is_file()}
    assert max(sizes.values()) < 1_000_000
    assert sum(sizes.values()) < 8_000_000
    assert {path.name for path in sizes} == {"card.json", "encoder.npz"}
    images = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    for name, card in presets.items():
        assert card["name"] == name
        assert name.startswith("convnet_")
        for fact in ("method", "data", "settings", "command", "licence", "sha256"):
            assert card[fact], fact
        for split in ("validation", "test"):
            assert {"knn", "linear"} <= set(card["accuracy"][split])
        encoder = kc.encoders.from_preset(name)
        assert encoder(images).shape == (4, 256)
        assert encoder.count_params() == card["parameters"]
        # Half precision, as it says: the same file again.
        file = (zoo / name / "encoder.npz").read_bytes()
        assert hashlib.sha256(pack(encoder, half=True)).hexdigest() == card["sha256"]
        assert hashlib.sha256(file).hexdigest() == card["sha256"]


def test_what_is_installed_holds_the_presets():
    zoo = pathlib.Path(kc.encoders.__file__).parent / "zoo"
    config = configparser.ConfigParser()
    config.read(pathlib.Path(__file__).parents[2] / "setup.cfg")
    pattern = config["options.package_data"]["keras_contrastive.encoders"]
    files = {path for path in zoo.rglob("*") if path.is_file()}
    assert set(zoo.parent.glob(pattern)) == files


def test_a_preset_trains_in_a_keras_classifier_and_moves_elsewhere(tmp_path):
    zoo = pathlib.Path(kc.encoders.__file__).parent / "zoo"
    shutil.copytree(zoo / "convnet_simclr_cifar10", tmp_path / "somebody_s")
    encoder = kc.encoders.from_preset(tmp_path / "somebody_s")
    images = np.random.default_rng(0).random((32, 32, 32, 3), np.float32)
    labels = np.arange(32) % 10
    images[np.arange(32), :4, labels] = 1
    classifier = keras.Sequential([encoder, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    before = encoder.get_weights()
    history = classifier.fit(images, labels, epochs=8, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert not any(map(np.array_equal, before, encoder.get_weights()))
    # What was trained is the user's; the preset is as it was.
    again = kc.encoders.from_preset("convnet_simclr_cifar10")
    assert all(map(np.array_equal, before, again.get_weights()))
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.saving.load_model(tmp_path / "classifier.keras")
    np.testing.assert_allclose(loaded(images), classifier(images), atol=1e-5)


def test_replicas_share_a_preset(folder, two_devices, images):
    expected = used_trunk()(images)
    with two_devices.scope():
        encoder = kc.encoders.from_preset(folder)
    np.testing.assert_allclose(encoder.predict(images, verbose=0), expected, atol=1e-6)
