"""Views made on the device are those of the input pipeline."""

import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo


def test_a_run_does_not_depend_on_where_its_views_are_made():
    images = tf.data.Dataset.from_tensor_slices({"image": zoo.images(40)})
    finished = []
    for place in ("pipeline", "device"):
        keras.utils.set_random_seed(1)
        policy = kc.augment.simclr(zoo.SIZE)
        augment = policy if place == "device" else None
        model = kc.models.SimCLR(zoo.trunk(), augment, temperature=0.5, seed=7)
        model.compile(keras.optimizers.SGD(0.01))
        if place == "device":
            batches = kc.data.batches(images, 16, seed=7)
        else:
            batches = kc.data.views(images, policy, 16, seed=7)
        model.fit(batches, epochs=2, verbose=0)
        finished.append(model)
    assert finished[0].step.numpy() == 4
    pairs = zip(*(m.trainable_variables for m in finished), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
