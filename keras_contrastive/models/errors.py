"""Errors of a graph in the words of the check that failed."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def readable_errors() -> Iterator[None]:
    """Turns a check that failed inside a graph into a ValueError with its words."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if "Received:" not in error.message:
            raise
        words = error.message[error.message.index("`") :].split("\n\t [[")[0]
        raise ValueError(words.replace("] [", " ").strip().rstrip("]")) from error
