import keras
import numpy as np
import tensorflow as tf

import keras_contrastive as kc
from tests.contracts import zoo
from tests.reference.info_nce import info_nce as slow_info_nce


def make(**options):
    keras.utils.set_random_seed(1)
    model = kc.models.MoCoV3(zoo.trunk(), None, 8, 16, 0.9, 0.2, seed=3, **options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def test_a_step_is_the_paper_s():
    """Algorithm 1 by hand: ctr(q1, k2) + ctr(q2, k1), each times 2 tau."""
    model, other = make(), make()
    policy = kc.augment.simclr(zoo.SIZE)
    x1, x2 = (policy(zoo.images(16), seed=[1, v]) for v in range(2))
    # Away from the copy's start, or a key encoder with the query's weights would pass.
    for m in (model, other):
        for variable in m.encoder.trainable_variables:
            variable.assign(1.1 * variable)

    def forward(layers, x):
        for layer in layers:
            x = layer(x, training=True)
        return x

    query_layers = [other.encoder, other.projection, other.predictor]
    k1, k2 = (forward(other.key_encoder.copies, x) for x in (x1, x2))
    expected = 0.0
    with tf.GradientTape() as tape:
        loss = 0.0
        for x, k in ((x1, k2), (x2, k1)):
            q = forward(query_layers, x)
            others = [np.delete(k.numpy(), i, axis=0) for i in range(16)]
            expected += 0.4 * slow_info_nce(q.numpy(), k.numpy(), others, 0.2).mean()
            q, k = tf.math.l2_normalize(q, axis=1), tf.math.l2_normalize(k, axis=1)
            shares = tf.nn.softmax(q @ tf.transpose(k) / 0.2)
            loss -= 0.4 * tf.reduce_mean(tf.math.log(tf.linalg.diag_part(shares)))
    variables = [v for layer in query_layers for v in layer.trainable_variables]
    for variable, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        variable.assign_sub(0.1 * gradient)
    logs = model.train_on_batch({"views": (x1, x2)}, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)
    for ours, theirs in zip(
        model.trainable_variables, other.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=ours.path)
    for layer, old, new in zip(
        (other.encoder, other.projection),
        other.key_encoder.copies,
        model.key_encoder.copies,
        strict=True,
    ):
        for q, k, ours in zip(
            layer.variables, old.variables, new.variables, strict=True
        ):
            # The weights follow; the statistics moved when the keys were made.
            expected = 0.9 * k + 0.1 * q if q.trainable else k
            np.testing.assert_allclose(ours, expected, atol=1e-5, err_msg=q.path)


def test_the_heads_are_the_authors():
    model = make()
    kinds = [type(x).__name__ for x in model.projection.layers[1:]]
    hidden = ["Dense", "BatchNormalization", "ReLU", "Dense"]
    assert kinds == [*hidden, "BatchNormalization"]
    assert not model.projection.layers[-1].scale
    assert [type(x).__name__ for x in model.predictor.layers[1:]] == hidden
    for head in (model.projection, model.predictor):
        dense = [x for x in head.layers if isinstance(x, keras.layers.Dense)]
        assert not any(x.use_bias for x in dense)
    # The key encoder has no predictor.
    assert len(model.key_encoder.copies) == 2


def test_a_batch_in_chunks_takes_the_same_step():
    """With a chunk a view batch norm sees what it always sees, and weights agree.

    Its moving statistics move once a step instead of once a view.
    """
    whole, chunked = make(), make(chunk_size=16)
    data = zoo.dataset("MoCo v3")
    for model in (whole, chunked):
        model.fit(data, verbose=0)
    for ours, theirs in zip(chunked.variables, whole.variables, strict=True):
        if "moving" not in ours.path:
            np.testing.assert_allclose(ours, theirs, atol=2e-5, err_msg=ours.path)
    smaller = make(chunk_size=4)
    history = smaller.fit(data, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(smaller)
    )
    assert copy.chunk_size == copy.cache.chunk_size == 4
