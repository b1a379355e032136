"""The memory bank: what each image of the data set looked like when last seen."""

import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_contrastive import _seeded
from keras_contrastive._unit import unit
from keras_contrastive.memory.rows import read_rows, write_rows

_EPSILON = 1e-12


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MemoryBank(keras.layers.Layer):
    """One unit vector an example id, moved towards the features that are seen.

        m <- normalise( momentum m + (1 - momentum) f / |f| )

    so the momentum multiplies the OLD entry. All entries start as random unit vectors
    that can be drawn as negatives at once; the first update of an entry replaces it.

    Look-up, draw and update cost what the batch costs, however large the bank is: a
    single look at the whole table would copy it. They are functions of what they are
    given, so replicas that are handed the same global rows keep the same bank. Under a
    strategy they are called inside its replicas. Under XLA, which has no assertions,
    ids are not checked.

        bank = kc.memory.MemoryBank(size=50_000, dim=128)
        positives = bank.lookup(ids)
        _, negatives = bank.sample(4096, exclude=ids)
        bank.update(ids, features)

    Source: Wu et al. 2018 (https://arxiv.org/abs/1805.01978), section 3.1; the
    momentum: Misra & van der Maaten 2019 (https://arxiv.org/abs/1912.01991), section 3.

    Args:
        size: Number of entries; ids are 0..size-1.
        dim: Length of an entry.
        momentum: Share of the old entry that an update keeps, in [0, 1).
        seed: Seed of the first entries, and of the generator that serves draws
            without a seed; None draws one.
        **kwargs: `name`.

    Attributes:
        vectors: The entries, a variable `(size, dim)` float32.
        written: Which entries have been updated, a variable `(size,)` bool.

    Raises:
        ValueError: If a size is not a positive integer or the momentum not in [0, 1).
    """

    def __init__(
        self,
        size: int,
        dim: int,
        momentum: float = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (("size", size), ("dim", dim)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {value!r}"
                )
        if not 0 <= momentum < 1:
            raise ValueError(f"`momentum` must be in [0, 1). Received: {momentum}")
        self.size = size
        self.dim = dim
        self.momentum = momentum
        self.seed = random.randrange(2**31) if seed is None else seed
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        # Of no aggregation: every replica writes the same rows to its own copy.
        options = {"trainable": False, "autocast": False, "aggregation": "none"}
        self.vectors = self.add_weight(
            shape=(size, dim),
            dtype="float32",
            initializer=self._random_unit_vectors,
            name="vectors",
            **options,
        )
        self.written = self.add_weight(
            shape=(size,), dtype="bool", initializer="zeros", name="written", **options
        )
        self.built = True

    def _random_unit_vectors(self, shape: Any, dtype: Any = None) -> tf.Tensor:
        # Drawn by NumPy, in seconds for a million entries; TensorFlow takes twice that.
        vectors = np.random.default_rng(self.seed).standard_normal(shape, np.float32)
        # A zero has no direction, and of a million numbers one may be.
        vectors[~vectors.any(axis=1), 0] = 1
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return tf.convert_to_tensor(vectors)

    def lookup(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns entries.

        Args:
            ids: `(batch,)` int32 or int64, in [0, size).

        Returns:
            `(batch, dim)` float32, of length 1. No gradient flows through them.

        Raises:
            TypeError: If the ids are no integers.
            ValueError: If they have another rank.
            tf.errors.InvalidArgumentError: When run on ids out of range.
        """
        return read_rows(self.vectors, self._checked("ids", ids))

    def sample(
        self, count: int, exclude: tf.Tensor | None = None, seed: Any = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws entries uniformly, with replacement, from all that are not excluded.

        With the distinct excluded ids e_0 < e_1 < ... the r-th of the others is
        r + j, where j of the e_k have e_k - k <= r: nothing is drawn and rejected, and
        the cost does not grow with the bank.

        Args:
            count: How many to draw, at least 1.
            exclude: Ids that are not drawn, `(batch,)` int32 or int64, in any order and
                any number of times; None excludes none.
            seed: Two integers that fix the draw; None draws them from the bank's own
                generator.

        Returns:
            Ids `(count,)` int64, and their entries `(count, dim)` float32.

        Raises:
            TypeError: If the ids are no integers.
            ValueError: If `count` is below 1 or the ids have another rank.
            tf.errors.InvalidArgumentError: When run on ids out of range, or when all
                entries are excluded.
        """
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"`count` must be a positive integer. Received: {count!r}")
        if seed is None:
            seed = tf.cast(self.seed_generator.next(), tf.int64)
        if exclude is None:
            ids = _seeded.integers([count], seed, self.size)
            return ids, read_rows(self.vectors, ids)
        exclude = tf.sort(self._checked("exclude", exclude))
        is_new = tf.concat([[True], exclude[1:] != exclude[:-1]], axis=0)
        # (batch + 1,): how many distinct ids are among the first k
        distinct = tf.concat([[0], tf.cumsum(tf.cast(is_new, tf.int64))], axis=0)
        left = _required(
            self.size - distinct[-1],
            distinct[-1] < self.size,
            f"`exclude` must leave at least one of the {self.size} entries. "
            "Received: distinct ids",
            distinct[-1],
        )
        ranks = _seeded.integers([count], seed, tf.maximum(left, 1))
        passed = tf.searchsorted(exclude - distinct[1:] + 1, ranks, side="right")
        ids = ranks + tf.gather(distinct, passed)
        return ids, read_rows(self.vectors, ids)

    def update(self, ids: tf.Tensor, features: tf.Tensor) -> None:
        """Moves the entries of a batch towards its features.

        An id that stands more than once in the batch takes one step, towards the mean
        of its unit vectors, whatever the order of the rows. Where there is no
        direction to go, because the features are zero or not finite or cancel the old
        entry, the entry stays.

        Args:
            ids: `(batch,)` int32 or int64, in [0, size): the global batch's.
            features: `(batch, dim)`, any float type; row i belongs to id i.

        Raises:
            TypeError: If the ids are no integers or the features no floats.
            ValueError: If the shapes do not fit.
            tf.errors.InvalidArgumentError: When run on ids out of range.
        """
        ids = self._checked("ids", ids)
        features = tf.stop_gradient(tf.convert_to_tensor(features))
        if not features.dtype.is_floating:
            raise TypeError(
                f"`features` must be floating. Received: dtype {features.dtype.name}"
            )
        if not features.shape.is_compatible_with([ids.shape[0], self.dim]):
            raise ValueError(
                f"`features` must have shape (batch, {self.dim}), one row an id. "
                f"Received: {features.shape} for ids of shape {ids.shape}"
            )
        units = unit(features)
        # Duplicates meet in the slot of the first of them in sorted order, and all
        # write what they then read there.
        slots = tf.searchsorted(tf.sort(ids), ids)
        count = ids.shape[0] or tf.shape(ids)[0]
        sums = tf.math.unsorted_segment_sum(units, slots, count)
        times = tf.math.unsorted_segment_sum(tf.ones_like(units[:, 0]), slots, count)
        mean = tf.gather(sums / tf.maximum(times, 1)[:, None], slots)
        old, written = read_rows(self.vectors, ids), read_rows(self.written, ids)
        keep = tf.where(written, tf.constant(self.momentum, tf.float32), 0.0)[:, None]
        moved = keep * old + (1 - keep) * mean
        length = tf.norm(moved, axis=1, keepdims=True)
        # Written so that a NaN, which compares false with everything, has none.
        directed = (length > _EPSILON) & (length < 2)
        moved = moved / tf.where(directed, length, 1.0)
        write_rows(self.vectors, ids, tf.where(directed, moved, old))
        write_rows(self.written, ids, written | directed[:, 0])

    def _checked(self, name: str, ids: tf.Tensor) -> tf.Tensor:
        ids = tf.convert_to_tensor(ids)
        if ids.dtype not in (tf.int32, tf.int64):
            raise TypeError(
                f"`{name}` must be int32 or int64. Received: dtype {ids.dtype.name}"
            )
        if ids.shape.rank != 1 or ids.shape[0] == 0:
            raise ValueError(
                f"`{name}` must have shape (batch,), at least one of them. "
                f"Received: {ids.shape}"
            )
        ids = tf.cast(ids, tf.int64)
        lowest, highest = tf.reduce_min(ids), tf.reduce_max(ids)
        return _required(
            ids,
            (lowest >= 0) & (highest < self.size),
            f"`{name}` must be in [0, {self.size}). Received: lowest and highest",
            lowest,
            highest,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "name": self.name,
            "size": self.size,
            "dim": self.dim,
            "momentum": self.momentum,
            "seed": self.seed,
        }


def _required(tensor: tf.Tensor, holds: tf.Tensor, *message: Any) -> tf.Tensor:
    check = tf.debugging.Assert(holds, list(message))
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(tensor)
