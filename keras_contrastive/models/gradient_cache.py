"""Gradient caching: an exact batch of thousands in the memory of a chunk."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import replica_count
from keras_contrastive.encoders import local_statistics


class GradientCache:
    """Embeds and back-propagates a batch chunk by chunk, for a loss over all of it.

    A contrastive loss couples its examples through their embeddings alone, which are
    small. So the chunks are embedded without a tape; the loss over all embeddings
    gives the gradient of each; and then each chunk is embedded once more, with a
    tape, and takes its part of that gradient on to the weights:

        cache = GradientCache([encoder, projection], chunk_size=64)
        z1, z2 = cache.embed(views)
        with tf.GradientTape() as tape:
            tape.watch([z1, z2])
            loss = ...
        gradients = cache.gradients(tape, loss, [z1, z2], views, variables)

    The price is one more forward pass. The gradients are those of the whole batch, but
    for batch norm, which sees a chunk where it saw the batch: a chunk, of one view and
    one replica, is normalised by its own statistics. The moving statistics move once a
    step, by the mean of what each chunk would move them by, so they do not depend on
    the order of the chunks nor on the number of replicas. (Keras's own batch norm does
    the same unless it is `synchronized`, which cannot work in a chunk.) Random layers
    draw the same numbers in both passes, and others in each chunk.

    Source: Gao et al. 2021 (https://arxiv.org/abs/2101.06983), section 3.2.

    Args:
        layers: Built Keras layers that make embeddings `(batch, dim)` of images,
            called one after the other.
        chunk_size: Images of one view that are embedded at once, on each replica.

    Raises:
        ValueError: If `chunk_size` is not a positive integer.
    """

    def __init__(self, layers: Sequence[keras.layers.Layer], chunk_size: int):
        if not isinstance(chunk_size, int) or chunk_size < 1:
            raise ValueError(
                f"`chunk_size` must be a positive integer. Received: {chunk_size!r}"
            )
        self.layers = list(layers)
        self.chunk_size = chunk_size

    def embed(
        self,
        views: Sequence[tf.Tensor],
        training: bool = True,
        move: bool = False,
    ) -> list[tf.Tensor]:
        """Returns the embedding of each view, without a gradient to the weights.

        Args:
            views: `(batch, ...)` each. In training the chunks must fill the batch.
            training: Whether the layers run in training mode.
            move: Whether statistics and counters move, for layers that will see no
                second pass, such as those of a momentum encoder.

        Returns:
            One `(batch, dim)` float32 a view.

        Raises:
            ValueError: If `chunk_size` does not divide the batch, in training.
            tf.errors.InvalidArgumentError: If a batch of unknown size turns out so.
        """
        chunks = self._chunks(views, training)
        count = _size(chunks)
        dim = self.layers[-1].output_shape[-1]
        embeddings = tf.zeros([count, self.chunk_size, dim])

        def embed_chunk(index, embeddings, *state):
            z, state, _ = self._call(tf.gather(chunks, index), state, training)
            z = tf.tensor_scatter_nd_update(embeddings, [[index]], z[None])
            return index + 1, z, *state

        _, embeddings, *state = tf.while_loop(
            lambda index, *_: index < count,
            embed_chunk,
            (tf.constant(0), embeddings, *self._still()),
            parallel_iterations=1,
        )
        if move:
            self._move(state, count)
        rows = tf.reshape(embeddings, [-1, dim])[: len(views) * _size(views[0])]
        return tf.split(rows, len(views))

    def gradients(
        self,
        tape: tf.GradientTape,
        target: tf.Tensor,
        embeddings: Sequence[tf.Tensor],
        views: Sequence[tf.Tensor],
        variables: Sequence[keras.Variable],
        share: tf.Tensor | float = 1.0,
    ) -> list[tf.Tensor | None]:
        """Returns the target's gradients; statistics and counters move.

        Args:
            tape: The tape that watched the embeddings and saw the target computed.
            target: What to differentiate, such as a scaled loss. Weight decay that is
                part of it counts once, as it should.
            embeddings: What `embed` returned for the views.
            views: The same views, `(batch, ...)` each.
            variables: What to differentiate by.
            share: Factor of losses that layers add in their calls, such as those of
                activity regularisers: the mean over the chunks counts, times this.

        Returns:
            One a variable; None where the target does not depend on it.

        Raises:
            ValueError: If the target does not depend on the embeddings.
        """
        variables = list(variables)
        upstream, direct = tape.gradient(target, [list(embeddings), variables])
        if any(gradient is None for gradient in upstream):
            raise ValueError(
                "`target` must depend on the `embeddings`, which `tape` must watch. "
                f"Received: {target}"
            )
        chunks = self._chunks(views, training=True)
        count = _size(chunks)
        upstream = tf.concat(upstream, axis=0)
        upstream = tf.reshape(upstream, [-1, self.chunk_size, upstream.shape[1]])
        each = tf.cast(share, tf.float32) / tf.cast(count, tf.float32)
        connected: set[int] = set()

        def pull_chunk(index, total, *state):
            with tf.GradientTape() as tape:
                z, state, added = self._call(tf.gather(chunks, index), state, True)
            pulls = [
                tf.gather(upstream, index),
                *(tf.cast(each, x.dtype) for x in added),
            ]
            found = tape.gradient([z, *added], variables, output_gradients=pulls)
            connected.update(i for i, x in enumerate(found) if x is not None)
            total = [
                so_far if x is None else so_far + x
                for so_far, x in zip(total, found, strict=True)
            ]
            return index + 1, total, *state

        nothing = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
        _, total, *state = tf.while_loop(
            lambda index, *_: index < count,
            pull_chunk,
            (tf.constant(0), nothing, *self._still()),
            parallel_iterations=1,
        )
        self._move(state, count)
        total = [x if i in connected else None for i, x in enumerate(total)]
        return list(map(_sum, total, direct))

    def _chunks(self, views: Sequence[tf.Tensor], training: bool) -> tf.Tensor:
        """Joins the views, `(chunks, chunk_size, ...)`."""
        size = _size(views[0])
        wrong = "`chunk_size` must divide the batch of each replica. Received:"
        images = tf.concat(views, axis=0)
        if not training:
            # In inference a row does not see the others, and may be a filler.
            short = -_size(images) % self.chunk_size
            images = tf.pad(images, [[0, short]] + [[0, 0]] * (images.shape.rank - 1))
        elif isinstance(size, int) and size % self.chunk_size:
            raise ValueError(f"{wrong} {self.chunk_size}, and a batch of {size}")
        elif not isinstance(size, int):
            fits = size % self.chunk_size == 0
            words = [wrong, self.chunk_size, "and a batch of", size]
            check = tf.debugging.Assert(fits, words)
            with tf.control_dependencies([check] if check is not None else []):
                images = tf.identity(images)
        shape = [_size(images) // self.chunk_size, self.chunk_size]
        chunks = tf.reshape(images, tf.concat([shape, tf.shape(images)[1:]], axis=0))
        return tf.ensure_shape(chunks, [None, self.chunk_size, *images.shape[1:]])

    def _untrained(self) -> tuple[list[keras.Variable], list[keras.Variable]]:
        """Returns the layers' counters, such as seeds, and their statistics."""
        found = [v for layer in self.layers for v in layer.non_trainable_variables]
        floats = [keras.backend.is_float_dtype(v.dtype) for v in found]
        return (
            [v for v, real in zip(found, floats, strict=True) if not real],
            [v for v, real in zip(found, floats, strict=True) if real],
        )

    def _still(self) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Returns the counters as they are and how far the statistics moved: not."""
        counters, statistics = self._untrained()
        return [v.value for v in counters], [
            tf.zeros(v.shape, v.dtype) for v in statistics
        ]

    def _call(
        self, images: tf.Tensor, state: Any, training: bool
    ) -> tuple[tf.Tensor, tuple[Any, Any], list[tf.Tensor]]:
        """Calls the layers without touching a variable.

        Returns:
            Embeddings `(chunk_size, dim)` float32; the counters after this chunk, and
            the statistics' way so far; and the losses that the layers added.
        """
        counters, statistics = self._untrained()
        mapping = list(zip(counters, state[0], strict=True))
        with (
            local_statistics(),
            keras.StatelessScope(mapping, collect_losses=True) as scope,
        ):
            for layer in self.layers:
                images = layer(images, training=training)
        moved = [scope.get_current_value(v) for v in statistics]
        way = [
            so_far if new is None else so_far + (new - v.value)
            for so_far, new, v in zip(state[1], moved, statistics, strict=True)
        ]
        state = [scope.get_current_value(v) for v in counters], way
        return tf.cast(images, tf.float32), state, list(scope.losses)

    def _move(self, state: Any, chunks: tf.Tensor | int) -> None:
        """Assigns what the chunks, and the replicas, moved on average."""
        counters, statistics = self._untrained()
        way = [x / tf.cast(chunks, x.dtype) for x in state[1]]
        if replica_count() > 1 and way:
            context = tf.distribute.get_replica_context()
            way = context.all_reduce(tf.distribute.ReduceOp.MEAN, way)
        for variable, value in zip(counters, state[0], strict=True):
            variable.assign(value)
        for variable, change in zip(statistics, way, strict=True):
            variable.assign_add(change)


def _size(x: tf.Tensor) -> tf.Tensor | int:
    """Returns the number of rows, as an integer where it is known."""
    return tf.shape(x)[0] if x.shape[0] is None else x.shape[0]


def _sum(first: tf.Tensor | None, second: tf.Tensor | None) -> tf.Tensor | None:
    """Adds two gradients, either of which may be missing."""
    present = [tf.convert_to_tensor(x) for x in (first, second) if x is not None]
    return tf.add_n(present) if present else None
