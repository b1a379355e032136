import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive.evaluation import class_balanced_subset, fine_tune, labelled
from keras_contrastive.export import export_encoder, load_encoder
from tests.evaluation.nets import bars, fit, trunk


def test_it_learns_and_leaves_the_encoder_alone():
    encoder = trunk()
    before = [np.copy(w) for w in encoder.get_weights()]
    images, labels = bars(300, 1)
    result = fit(encoder, test=(images, labels), epochs=25, learning_rate=0.01)
    assert result.accuracy > 0.9
    assert result.history["loss"][-1] < 0.5 * result.history["loss"][0]
    assert len(result.history["loss"]) == 25
    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    # All of the copy moved: kernels, biases, scales, offsets and statistics.
    trained = result.model.get_weights()[: len(before)]
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, trained, strict=True))
    # The accuracy is that of inference.
    logits = result.model(images, training=False).numpy()
    assert logits.shape == (300, 3)
    assert result.accuracy == pytest.approx(np.mean(logits.argmax(1) == labels))


def test_the_first_step_moves_the_head_alone():
    encoder = trunk()
    result = fit(encoder, epochs=1, batch_size=96)
    kernel, head = result.model.get_weights()[0], result.model.layers[-1].kernel
    np.testing.assert_array_equal(kernel, encoder.get_weights()[0])
    assert np.abs(head.numpy()).max() > 0


def test_copy_false_trains_the_encoder_itself_where_it_is_not_frozen():
    encoder = trunk()
    encoder.layers[1].trainable = False
    first, second = np.copy(encoder.layers[1].kernel), np.copy(encoder.layers[3].kernel)
    result = fit(encoder, copy=False)
    assert encoder in result.model.layers
    np.testing.assert_array_equal(encoder.layers[1].kernel, first)
    assert np.abs(encoder.layers[3].kernel - second).max() > 0


def test_reloaded_saved_model_trains_in_place_as_the_original_would(tmp_path):
    encoder = trunk()
    export_encoder(encoder, tmp_path / "encoder")
    reloaded = load_encoder(tmp_path / "encoder")
    with pytest.raises(ValueError, match="`copy=False` trains the encoder itself"):
        fit(reloaded)
    before = [np.copy(w) for w in reloaded.get_weights()]
    result = fit(reloaded, copy=False)
    after = reloaded.get_weights()
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))
    original = fit(encoder)
    np.testing.assert_allclose(
        result.history["loss"], original.history["loss"], rtol=1e-4
    )
    assert result.accuracy == pytest.approx(original.accuracy, abs=1 / 300)


def test_labels_per_class_trains_on_that_many_images():
    images, labels = bars(60, 0)
    seen = []

    def augment(batch, seed):
        del seed
        tf.py_function(lambda x: seen.append(x.numpy()), [batch], [])
        return batch

    fit(trunk(), (images, labels), labels_per_class=4, augment=augment, seed=5)
    rows = class_balanced_subset(labels, 4, seed=5)
    assert len(seen) == 2
    for epoch in seen:  # 12 images: one short batch an epoch, the only one
        assert sorted(epoch.sum((1, 2, 3))) == sorted(images[rows].sum((1, 2, 3)))
    assert not np.array_equal(seen[0], seen[1])


def test_a_shuffled_dataset_gives_no_labels_per_class():
    images, labels = bars(60, 0)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(60)
    with pytest.raises(ValueError, match="same order every time"):
        fit(trunk(), data, labels_per_class=4)


def test_a_short_last_batch_is_left_out_and_every_batch_has_a_seed():
    sizes, seeds = [], set()

    def note(batch, seed):
        sizes.append(len(batch))
        seeds.add(tuple(seed.numpy()))

    def augment(batch, seed):
        tf.py_function(note, [batch, seed], [])
        return batch

    fit(trunk(), bars(65, 0), augment=augment)
    assert sizes == [32] * 4
    assert len(seeds) == 4
    assert all(len(seed) == 2 for seed in seeds)


def test_datasets_uint8_and_batches_are_the_same():
    images, labels = bars(64, 0)
    images = (255 * images).astype(np.uint8)
    scaled = images.astype("float32") * np.float32(1 / 255)
    columns = {"image": images, "label": labels, "id": np.arange(64)}
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    encoder = trunk()
    by_arrays = fit(encoder, (scaled, labels))
    by_batches = fit(encoder, dataset.batch(10))
    np.testing.assert_allclose(
        by_batches.history["loss"], by_arrays.history["loss"], rtol=1e-5
    )


def test_the_seed_decides_order_and_augmentation():
    encoder = trunk()

    def augment(images, seed):
        noise = tf.random.stateless_uniform(tf.shape(images), seed, 0, 0.3)
        return images + noise

    def losses(seed):
        return fit(encoder, bars(33, 0), augment=augment, seed=seed).history["loss"]

    once = losses(1)
    assert losses(1) == once
    assert losses(2) != once


def test_rand_augment_trains_and_says_that_it_follows_no_seed():
    images, labels = bars(33, 0)
    colour = np.repeat(images, 3, axis=-1), labels
    layers = [keras.layers.Conv2D(4, 3), keras.layers.GlobalMaxPooling2D()]
    encoder = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    augment = kc.augment.rand_augment(8)
    with pytest.warns(UserWarning, match=r"not reproducible.*RandAugment"):
        result = fit(encoder, colour, colour, augment=augment, copy=False, epochs=1)
    assert np.isfinite(result.history["loss"]).all()


def test_image_size_resizes_train_and_test():
    (images, labels), (others, expected) = bars(33, 0), bars(30, 1)
    big, bigger = (np.repeat(np.repeat(x, 2, 1), 2, 2) for x in (images, others))
    result = fit(trunk(), (big, labels), (bigger, expected), image_size=8)
    assert result.model.input_shape == (None, 8, 8, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "`epochs` must be at least 1"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0"),
        ({"layer_decay": 0.0}, r"`layer_decay` must be in \(0, 1\]. Received: 0"),
        ({"layer_decay": 1.1}, "`layer_decay`.*Received: 1.1"),
        ({"freeze_epochs": 3}, "`freeze_epochs` must be from 0 to `epochs`, 2"),
        ({"train": bars(9, 0)[0]}, "`train` must have labels"),
        ({"train": (bars(9, 0)[0], np.arange(9))}, "0 to 2. Received: 0 to 8"),
        ({"test": (bars(9, 0)[0], np.arange(9) - 7)}, "`test` must be in 0 to 2"),
        ({"train": (255 * bars(9, 0)[0], bars(9, 0)[1])}, "image 0 outside"),
        ({"train": (np.zeros((0, 8, 8, 1)), np.zeros(0, int))}, "Received: none"),
        ({"labels_per_class": 33}, "with 32 rows. Received: 33"),
        ({"augment": lambda x, seed: x[:, :4]}, "shape of the test"),
        ({"image_size": 9}, "the encoder's shape \\(8, 8, 1\\)"),
        ({"encoder": keras.layers.Conv2D(2, 3)}, "pooled features"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(**{"encoder": trunk(), **arguments})


def test_other_bad_input():
    with pytest.raises(TypeError, match="`encoder` must be a Keras layer"):
        fit(lambda images: images)
    with pytest.raises(ValueError, match="`num_classes` must be at least 2"):
        fine_tune(trunk(), bars(9, 0), bars(9, 0), 1)


def test_what_was_read_is_not_read_again():
    images, labels = bars(24, 0)
    begun = []

    def elements():
        begun.append(1)
        yield from zip(images, labels, strict=True)

    spec = tf.TensorSpec(images.shape[1:]), tf.TensorSpec((), tf.int64)
    data = tf.data.Dataset.from_generator(elements, output_signature=spec)
    options = {"num_classes": 3, "epochs": 2, "batch_size": 8}
    plain = fine_tune(trunk(), data, (images, labels), **options)
    # To be checked, and for each epoch.
    assert len(begun) == 3
    begun.clear()
    train = labelled("train", data, 3)
    np.testing.assert_array_equal(train.labels, labels)
    assert len(begun) == 1
    for _ in range(2):
        again = fine_tune(trunk(), train, (images, labels), **options)
    assert len(begun) == 1 + 2 * 2
    assert again.history.keys() == plain.history.keys()
    with pytest.raises(ValueError, match="labels of `train` must be in 0 to 1"):
        fine_tune(trunk(), train, (images, labels), **{**options, "num_classes": 2})
