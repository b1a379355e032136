import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc

IMAGES = np.array([0, 64, 128, 255], np.uint8)[None, :, None].repeat(500, 0)


def dataset(images=IMAGES):
    data = tf.data.Dataset.from_tensor_slices(
        {"image": images[..., None], "id": np.arange(len(images))}
    )
    return data.apply(tf.data.experimental.assert_cardinality(len(images)))


def test_a_pixel_is_on_as_often_as_its_intensity_says():
    drawn = kc.data.binarise(IMAGES, 3).numpy()
    assert drawn.shape == (500, 4)
    assert set(np.unique(drawn)) == {0, 1}
    share = drawn.mean(axis=0)
    assert share[0] == 0
    assert share[3] == 1
    # Four standard deviations: one run in 16,000 would miss.
    expected = np.array([64, 128]) / 255
    spread = np.sqrt(expected * (1 - expected) / 500)
    assert (abs(share[1:3] - expected) < 4 * spread).all()


def test_bits_follow_their_seed_and_neighbours_are_apart():
    first, again, other = (kc.data.binarise(IMAGES, s).numpy() for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert abs(np.corrcoef(first[:, 1], first[:, 2])[0, 1]) < 4 / np.sqrt(500)


def test_floats_are_the_same_pixels():
    np.testing.assert_array_equal(
        kc.data.binarise(IMAGES, 3), kc.data.binarise(IMAGES / np.float32(255), 3)
    )


def test_each_epoch_draws_anew_and_a_resumed_one_draws_the_same():
    whole = [
        b["image"].numpy()
        for b in kc.data.bits(dataset(), 100, 5, repeat=True).take(10)
    ]
    later = kc.data.bits(dataset(), 100, 5, first_epoch=1)
    for ours, theirs in zip(whole[5:], later, strict=True):
        np.testing.assert_array_equal(ours, theirs["image"])
    assert (np.concatenate(whole[:5]).sum(0) != np.concatenate(whole[5:]).sum(0)).any()


def test_a_batch_keeps_its_ids():
    batch = next(iter(kc.data.bits(dataset(), 100, 5)))
    assert batch["image"].shape == (100, 4)
    assert batch["id"].shape == (100,)


@pytest.mark.parametrize(
    ("images", "kind", "words"),
    [
        (np.zeros([2, 3], np.int32), TypeError, "uint8, or floats"),
        (np.full([2, 3], 1.5), ValueError, r"\[0, 1\]"),
        (np.full([2, 3], np.nan), ValueError, r"\[0, 1\]"),
        (np.zeros([3]), ValueError, "shape"),
    ],
)
def test_bad_input_is_refused(images, kind, words):
    with pytest.raises(kind, match=f"{words}.*Received: "):
        kc.data.binarise(images, 0)
