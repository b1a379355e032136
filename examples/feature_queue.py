"""A feature queue used alone: many negatives for a small batch.

Points on a sphere are seen through noise; a linear map learns to tell each from 1,024
points of the batches before, with 32 a step.

python examples/feature_queue.py
"""

import argparse

import keras
import tensorflow as tf

import keras_contrastive as kc


def main(steps=200, batch_size=32, size=1024, dim=16):
    """Trains with the queue's keys as negatives, then looks points up in it."""
    keras.utils.set_random_seed(0)
    queue = kc.memory.FeatureQueue(size, dim)
    project = keras.layers.Dense(dim, use_bias=False)
    project.build([None, 64])
    optimizer = keras.optimizers.Adam(1e-2)

    @tf.function
    def step():
        points = tf.random.normal([batch_size, 64])
        # Half of the coordinates are noise of each view's own.
        noise = tf.concat([tf.zeros([32]), tf.ones([32])], 0)
        views = [points + 3 * noise * tf.random.normal(points.shape) for _ in (0, 1)]
        with tf.GradientTape() as tape:
            query, key = (project(view) for view in views)
            each = kc.losses.info_nce(query, key, queue.keys, 0.1, valid=queue.valid)
            loss = tf.reduce_mean(each)
        variables = project.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        # After the loss: a query must not meet its own key among the negatives.
        queue.enqueue(key)
        return loss, query, key

    for _ in range(steps):
        loss, query, key = step()
    print(f"loss {loss:.2f}, {int(queue.filled):,} of {size:,} slots filled")

    # The last keys are in the queue: each query's nearest is its own.
    nearest = queue.nearest(query)
    own = tf.math.l2_normalize(key, axis=1)
    found = tf.reduce_mean(tf.cast(tf.norm(nearest - own, axis=1) < 1e-4, tf.float32))
    print(f"found {float(found):.1%} of the points by their noisy view")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    main(**vars(parser.parse_args()))
