"""Datasets that tf.data does not tune."""

import os

import tensorflow as tf


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns a dataset whose iterators end at once.

    An iterator of TensorFlow 2.21 has a thread that tunes its pipeline, and at its end
    may wait for that thread, which sleeps for up to as long as it has been there: after
    an epoch over a finite dataset. Without the thread, what is left to tf.data is as
    parallel as the machine has cores.

    Args:
        dataset: Any; one whose options say whether it is tuned stays as it is.
    """
    said = dataset.options().autotune
    if said.enabled is not None:
        return dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    if said.initial_parallelism is None:
        # Else at most 16, on larger machines as well.
        options.autotune.initial_parallelism = os.cpu_count() or 1
    return dataset.with_options(options)
