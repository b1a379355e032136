import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo
from tests.reference.info_nce import info_nce as slow_info_nce


def make(queue_size=40):
    keras.utils.set_random_seed(1)
    model = kc.models.NNCLR(zoo.trunk(), None, 8, 16, 16, queue_size, 0.3, seed=3)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_steps_are_the_paper_s():
    """Two steps by hand: the first without a queue, the second with neighbours."""
    model, other = make(), make()
    policy = kc.augment.simclr(zoo.SIZE)
    queue = np.zeros((0, 8))
    layers = [other.encoder, other.projection]
    for step in range(2):
        views = tuple(policy(zoo.images(16), seed=[step, v]) for v in range(2))
        with tf.GradientTape() as tape:
            z = tf.concat(views, 0)
            for layer in layers:
                z = layer(z, training=True)
            z1, z2 = (unit(part.numpy()) for part in tf.split(z, 2))
            p = tf.split(tf.math.l2_normalize(other.predictor(z, training=True), 1), 2)
            expected, loss = 0.0, 0.0
            for found, prediction in ((z1, p[1]), (z2, p[0])):
                if len(queue):
                    found = queue[(found @ queue.T).argmax(1)].astype("float32")
                rows = prediction.numpy()
                others = [np.delete(rows, i, axis=0) for i in range(16)]
                expected += slow_info_nce(found, rows, others, 0.3).mean() / 2
                shares = tf.nn.softmax(found @ tf.transpose(prediction) / 0.3)
                own = tf.linalg.diag_part(shares)
                loss -= tf.reduce_mean(tf.math.log(own)) / 2
        variables = other.trainable_variables
        gradients = tape.gradient(loss, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(0.1 * gradient)
        # The first views' embeddings enter, after the loss.
        queue = np.concatenate([queue, z1])[-40:]
        logs = model.train_on_batch({"views": views}, return_dict=True)
        model.loss_mean.reset_state()
        np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)
    for ours, theirs in zip(model.trainable_variables, variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5, err_msg=ours.path)
    np.testing.assert_allclose(model.queue.keys[:32], queue, atol=1e-5)
    assert int(model.queue.filled) == 32


def test_a_queue_smaller_than_the_batch_is_refused():
    data = tf.data.Dataset.from_tensors({"image": zoo.images(16)})
    model = kc.models.NNCLR(zoo.trunk(), zoo.mild(), 8, 16, 16, 8)
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"`queue_size` 8\. Received: .*16"):
        model.fit(data, verbose=0)
