"""The methods' train steps in plain TensorFlow: what `bare_methods.py` compares with.

Each function takes a method's model, for its nets, its settings and what its memory
holds at first, and the batch that every step reads, and returns the parts of the step.
None of the library's losses, memories and optimizers is in them.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf
from bare_steps import momentum_sgd

FAR = 1e9


class Parts(NamedTuple):
    """What a step is made of.

    Attributes:
        loss: Takes what `before` returned; returns the loss, and what to keep.
        before: Returns what the loss needs and no gradient reaches.
        after: Takes what is to be kept, and writes it.
        optimizer: Takes variables; returns a function of their gradients.
        variables: What is trained; None: what the model trains.
    """

    loss: Callable
    before: Callable = lambda: None
    after: Callable = lambda kept: None
    optimizer: Callable = momentum_sgd
    variables: list | None = None


def compiled(model, parts):
    """Returns a function that takes a step and returns its loss."""
    variables = parts.variables or model.trainable_variables
    descend = parts.optimizer(variables)

    @tf.function(autograph=False)
    def step():
        given = parts.before()
        with tf.GradientTape() as tape:
            loss, kept = parts.loss(given)
        values = [v.value for v in variables]
        descend(tape.gradient(loss, values, unconnected_gradients="zero"))
        parts.after(kept)
        return loss

    return step


def in_a_loop(step):
    """Returns a function of a number, which takes as many steps in one call."""

    @tf.function(autograph=False)
    def loop(steps):
        return tf.while_loop(
            lambda number, _: number < steps,
            lambda number, _: (number + 1, step()),
            (tf.constant(0), tf.constant(0.0)),
            parallel_iterations=1,
        )[1]

    return loop


def unit(x):
    """Returns rows of length 1."""
    return tf.math.l2_normalize(x, 1)


def through(nets, x):
    """Returns what nets make of x, one after the other, in training mode."""
    for net in nets:
        x = net(x, training=True)
    return x


def embedded(model, batch):
    """Returns the embeddings of both views, which pass the nets as one batch."""
    return through([model.encoder, model.projection], tf.concat(batch["views"], 0))


def compared(model, batch):
    """Returns unit embeddings, who is whose other view, and who is oneself."""
    z = unit(embedded(model, batch))
    own = tf.eye(z.shape[0], dtype=tf.bool)
    return z, tf.roll(own, z.shape[0] // 2, 0), own


def picked(query, candidates, temperature):
    """Returns the mean cross entropy of picking row i of the candidates."""
    logits = tf.matmul(query, candidates, transpose_b=True) / temperature
    rows = tf.range(query.shape[0])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(rows, logits)
    return tf.reduce_mean(losses)


def dcl(model, batch):
    """All but oneself and the positive in the denominator."""

    def loss(_):
        z, other, own = compared(model, batch)
        logits = tf.matmul(z, z, transpose_b=True) / model.temperature
        negative = tf.reduce_logsumexp(tf.where(other | own, -FAR, logits), 1)
        positive = tf.reduce_sum(z * tf.roll(z, z.shape[0] // 2, 0), 1)
        return tf.reduce_mean(negative - positive / model.temperature), None

    return Parts(loss)


def supcon(model, batch):
    """The mean logarithm over all of one's class."""

    def loss(_):
        z, _, own = compared(model, batch)
        labels = tf.tile(batch["label"], [2])
        logits = tf.matmul(z, z, transpose_b=True) / model.temperature
        log_p = tf.nn.log_softmax(tf.where(own, -FAR, logits))
        alike = (labels[:, None] == labels) & ~own
        total = tf.reduce_sum(tf.where(alike, log_p, 0.0), 1)
        count = tf.reduce_sum(tf.cast(alike, tf.float32), 1)
        return -tf.reduce_mean(total / count), None

    return Parts(loss)


def triplet(model, batch):
    """Semi-hard mining; with one positive an anchor there is nothing to sort."""

    def loss(_):
        z, other, own = compared(model, batch)
        positive = 2 - 2 * tf.reduce_sum(z * tf.roll(z, z.shape[0] // 2, 0), 1)
        squared = 2 - 2 * tf.matmul(z, z, transpose_b=True)
        negative = ~(other | own)
        farther = negative & (squared > positive[:, None])
        nearest = tf.reduce_min(tf.where(farther, squared, FAR), 1)
        farthest = tf.reduce_max(tf.where(negative, squared, -FAR), 1)
        chosen = tf.where(nearest < FAR, nearest, farthest)
        return tf.reduce_mean(tf.nn.relu(positive - chosen + model.margin)), None

    return Parts(loss)


def nnclr(model, batch):
    """A view's nearest neighbour in a queue picks the other view's prediction."""
    queue, start = tf.Variable(model.queue.keys), tf.Variable(0)

    def loss(_):
        z = embedded(model, batch)
        predicted = unit(model.predictor(z, training=True))
        views = tf.split(tf.stop_gradient(unit(z)), 2)
        terms = []
        for view, prediction in zip(views, tf.split(predicted, 2)[::-1], strict=True):
            similarity = tf.matmul(view, queue, transpose_b=True)
            neighbours = tf.gather(queue, tf.argmax(similarity, 1))
            terms.append(picked(neighbours, prediction, model.temperature))
        return tf.add_n(terms) / 2, views[0]

    def after(kept):
        rows = (start + tf.range(kept.shape[0])) % queue.shape[0]
        queue.scatter_update(tf.IndexedSlices(kept, rows))
        start.assign((start + kept.shape[0]) % queue.shape[0])

    return Parts(loss, after=after)


def moco_v3(model, batch):
    """A view's predictions pick the other view's momentum keys."""
    nets, temperature = [model.encoder, model.projection], model.temperature
    copies = [keras.models.clone_model(net) for net in nets]
    for net, copy in zip(nets, copies, strict=True):
        copy.set_weights(net.get_weights())
    queries = [v for net in nets for v in net.trainable_variables]
    keys = [v for net in copies for v in net.trainable_variables]
    momentum = model.key_encoder.momentum

    def before():
        return [unit(through(copies, view)) for view in batch["views"]]

    def loss(given):
        made = [unit(through([*nets, model.predictor], x)) for x in batch["views"]]
        terms = [picked(*x, temperature) for x in zip(made, given[::-1], strict=True)]
        return 2 * temperature * tf.add_n(terms), None

    def after(_):
        for query, key in zip(queries, keys, strict=True):
            key.value.assign(momentum * key.value + (1 - momentum) * query.value)

    return Parts(loss, before, after)


def pirl(model, batch):
    """Image and transformation pick the image's entry in a bank among others."""
    bank, ids = tf.Variable(model.bank.vectors.value), batch["id"]

    def before():
        left = bank.shape[0] - ids.shape[0]
        ranks = tf.random.uniform([model.negatives], 0, left, tf.int64)
        # Rank r is the id r + j, with the j of the batch's ids that are not above it.
        gaps = tf.sort(ids) - tf.range(ids.shape[0], dtype=tf.int64)
        drawn = ranks + tf.searchsorted(gaps, ranks, "right", tf.int64)
        return tf.gather(bank, ids), tf.gather(bank, drawn)

    def nce(z, positive, negatives):
        own = tf.reduce_sum(z * positive, 1, keepdims=True)
        others = tf.matmul(z, negatives, transpose_b=True)
        log_h = tf.nn.log_softmax(tf.concat([own, others], 1) / model.temperature)
        left = tf.reduce_sum(tf.math.log1p(-tf.exp(log_h[:, 1:])), 1)
        return -tf.reduce_mean(log_h[:, 0] + left)

    def loss(given):
        image, transformed = batch["views"][0], model.transform(batch["views"][1])
        f = unit(through([model.encoder, model.image_head], image))
        flat = tf.reshape(transformed, [-1, *transformed.shape[-3:]])
        # Not by `__call__`, which insists on images of the size it was built for.
        features = model.encoder.call(flat, training=True)
        shape = [*transformed.shape[:-3], features.shape[-1]]
        g = unit(model.transform_head(tf.reshape(features, shape)))
        return model.weight * nce(g, *given) + (1 - model.weight) * nce(f, *given), f

    def after(f):
        moved = model.momentum * tf.gather(bank, ids) + (1 - model.momentum) * f
        bank.scatter_update(tf.IndexedSlices(unit(moved), ids))

    return Parts(loss, before, after)


def autoencoder(model, batch):
    """Mends images with Gaussian noise, by Adam."""
    x = batch["x"]

    def loss(_):
        damaged = x + model.corruption.stddev * tf.random.normal(x.shape)
        made = through([model.encoder, model.decoder], damaged)
        return tf.reduce_mean(tf.reduce_sum((made - x) ** 2, [1, 2, 3])), None

    return Parts(loss, optimizer=lambda variables: adam(variables, 1e-3))


def adam(variables, rate):
    """Returns a function of the gradients that takes a step."""
    means, squares = ([tf.Variable(0 * v.value) for v in variables] for _ in range(2))
    steps = tf.Variable(0.0)

    def descend(gradients):
        steps.assign_add(1.0)
        step = rate * tf.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
        for v, m, s, g in zip(variables, means, squares, gradients, strict=True):
            m.assign_add(0.1 * (g - m))
            s.assign_add(0.001 * (g * g - s))
            v.value.assign_sub(step * m / (tf.sqrt(s) + 1e-7))

    return descend
