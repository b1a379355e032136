"""PIRL: an image attracts its jigsaw or its rotation and repels all other images."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_finite, all_gather, replica_index
from keras_contrastive.losses.cosine import check_temperature, closest
from keras_contrastive.losses.npid_nce import check_dataset_size, constant_z_nce
from keras_contrastive.losses.pirl_nce import pirl_logits
from keras_contrastive.losses.softmax_nce import softmax_nce
from keras_contrastive.memory import MemoryBank
from keras_contrastive.models.batches import check_ids, select
from keras_contrastive.models.embedding import EmbeddingModel
from keras_contrastive.models.log_partition import LogPartition
from keras_contrastive.models.transformed import TransformedModel

_NEGATIVES = 32_000
# Folded into a step's seed; the views and their transformation take 0 to 2.
_NOISE = 3


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PIRL(TransformedModel):
    """Pretext-invariant representations.

    Two heads over one trunk embed an image, f(v_I), and its transformation, g(v_It):
    nine shuffled patches, whose features are projected one by one, concatenated and
    projected again; or a quarter turn. With m_I the image's entry in a memory bank of
    all images, and the bank's other entries as negatives,

        loss = weight L( m_I, g(v_It) ) + (1 - weight) L( m_I, f(v_I) )

    where L is `kc.losses.pirl_nce` (or `npid_nce`), anchored at its second argument.
    The bank is read before the loss and written, with f(v_I), after the step; a step
    whose loss is not finite on any replica writes nothing. With `negatives="batch"`
    there is no bank and the loss is the lecture's first, L( f(v_I), g(v_It) ) alone,
    against the f of the other images in the global batch.

    Evaluation is for images that the bank does not know: f(v_I) stands for m_I.

        encoder = kc.encoders.create("convnet", (32, 32, 3))
        model = kc.models.PIRL(encoder, 50_000, kc.augment.pirl(32))
        model.compile(kc.optimizers.SGD(0.03, momentum=0.9))
        model.fit(kc.data.batches(kc.data.load("cifar10", "train"), 256), epochs=10)

    Source: Misra & van der Maaten 2019 (https://arxiv.org/abs/1912.01991), section 3.

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`, trained in
            place; for the jigsaw one that takes patches, too.
        dataset_size: Number of images; batches bring their numbers as `"id"`,
            0..dataset_size-1.
        augment: Layer that makes a view of an image batch, such as `kc.augment.pirl`;
            None when the dataset brings two ready views, the second of which is then
            cut or turned.
        transform: "jigsaw", "rotation", or a layer from images to images of the same
            shape or to patches `(batch, patches, height, width, channels)`.
        negatives: Entries that are drawn from the bank for each step, below
            `dataset_size`; None takes the paper's 32,000, or all but one of a smaller
            set; "batch" takes the images of the batch alone.
        projection_dim: Size of the embeddings.
        temperature: Above 0.
        weight: Share of the term that compares the transformation, in [0, 1].
        momentum: Share of a bank's entry that an update keeps, in [0, 1).
        h: "softmax", the lecture's, or "npid", with a constant Z that is estimated
            from the first batch.
        seed: Seed of views, transformations, negatives and bank; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder`, `augment` or `transform` is not a Keras layer.
        ValueError: If a number is out of its range, a name is not known, or the
            encoder does not take what `transform` makes.
    """

    features = ("image", "views", "id")

    def __init__(
        self,
        encoder: keras.Model,
        dataset_size: int,
        augment: keras.layers.Layer | None = None,
        transform: str | keras.layers.Layer = "jigsaw",
        negatives: int | str | None = None,
        projection_dim: int = 128,
        temperature: float = 0.07,
        weight: float = 0.5,
        momentum: float = 0.5,
        h: str = "softmax",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, augment, transform, projection_dim, seed, **kwargs)
        self.dataset_size = check_dataset_size(dataset_size)
        self.temperature = check_temperature(temperature)
        if not 0 <= weight <= 1:
            raise ValueError(f"`weight` must be in [0, 1]. Received: {weight}")
        if h not in ("softmax", "npid"):
            raise ValueError(f"`h` must be 'softmax' or 'npid'. Received: {h!r}")
        self.negatives = _checked_negatives(negatives, dataset_size)
        self.weight = weight
        self.momentum = momentum
        self.h = h
        self.bank = None
        if self.negatives == "batch":
            self.features = EmbeddingModel.features
        else:
            self.bank = MemoryBank(dataset_size, projection_dim, momentum, self.seed)
        self.log_partition = LogPartition(dataset_size) if h == "npid" else None
        self.built = True

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Pushes the energy down for an image and its transformation."""
        ids = self.ids(data)
        everyone = None if ids is None else all_gather(ids)
        positive, negatives = self.recall(self.step, ids, everyone)
        # Batch norm would count images whose ids are refused.
        with tf.control_dependencies([] if ids is None else [positive, negatives]):
            views = self.views(data, step=self.step)
            image, transformed = map(tf.identity, views)
        with tf.GradientTape() as tape:
            f, g = self.embed_both((image, transformed), training=True)
            loss = self.contrast(f, g, positive, negatives, training=True)
            scaled_loss = self.scaled(loss)
        self.minimise(tape, scaled_loss)
        if self.bank is not None:
            # That the rows depend on the loss, and so on all that was read for it,
            # also lets XLA write them in place, where it would copy the bank.
            f = tf.where(all_finite([loss]), f, tf.cast(math.nan, f.dtype))
            self.bank.update(everyone, all_gather(f))
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics in inference mode."""
        f, g = self.embed(*self.views(data, step=-1), training=False)
        _, negatives = self.recall(step=-1)
        self.contrast(f, g, f, negatives, training=False)
        return self.results()

    def ids(self, data: Any) -> tf.Tensor | None:
        """Returns the images' numbers, `(batch,)` int64; None without a bank."""
        if self.bank is None:
            return None
        batch = select(data, self.features)
        check_ids(batch)
        return tf.cast(batch["id"], tf.int64)

    def recall(
        self,
        step: tf.Tensor | int,
        ids: tf.Tensor | None = None,
        everyone: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """Reads the bank: the entries of `ids`, and others than those of `everyone`."""
        if self.bank is None:
            return None, None
        positive = None if ids is None else self.bank.lookup(ids)
        seed = self.seed_of(step, _NOISE)
        _, negatives = self.bank.sample(self.negatives, exclude=everyone, seed=seed)
        return positive, negatives

    def contrast(
        self,
        f: tf.Tensor,
        g: tf.Tensor,
        positive: tf.Tensor | None,
        negatives: tf.Tensor | None,
        training: bool,
    ) -> tf.Tensor:
        """Returns this replica's mean loss; records the metrics.

        Args:
            f: Embeddings of the images, `(batch, projection_dim)`.
            g: Embeddings of their transformations, `(batch, projection_dim)`.
            positive: The images' entries, `(batch, projection_dim)`.
            negatives: Other entries, `(negatives, projection_dim)`; None takes, and
                for `positive` too, the f of the global batch.
            training: Whether this is a training step.
        """
        everyone = all_gather(f)
        if negatives is None:
            offset = replica_index() * tf.shape(f)[0]
            weights = [1.0]
            terms = [pirl_logits(g, f, None, self.temperature, everyone, offset)]
        else:
            weights = [self.weight, 1 - self.weight]
            terms = [
                pirl_logits(anchor, positive, negatives, self.temperature)
                for anchor in (g, f)
            ]
        if self.h == "softmax":
            losses = [softmax_nce(*term) for term in terms]
        else:
            log_z = self.log_partition.read(terms, training)
            losses = [constant_z_nce(*x, log_z, self.dataset_size) for x in terms]
        loss = tf.tensordot(weights, [tf.reduce_mean(x) for x in losses], 1)
        right = closest(*terms[0], self.temperature)
        self.loss_mean.update_state(loss)
        self.accuracy.update_state(tf.cast(right, tf.float32))
        self.watch(everyone)
        return loss

    def check_training_spec(self, spec: Mapping[str, Any]) -> None:
        """Stops before the first step at images without numbers, or too many."""
        super().check_training_spec(spec)
        if self.bank is None:
            return
        check_ids(spec)
        size = spec["id"].shape[0]
        if size is not None and size >= self.dataset_size:
            raise ValueError(
                "`dataset_size` must be the number of images in the data set, above "
                f"the batch size of {size}. Received: {self.dataset_size}"
            )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "dataset_size": self.dataset_size,
            "negatives": self.negatives,
            "temperature": self.temperature,
            "weight": self.weight,
            "momentum": self.momentum,
            "h": self.h,
        }


def _checked_negatives(negatives: int | str | None, dataset_size: int) -> int | str:
    if negatives is None:
        negatives = max(1, min(_NEGATIVES, dataset_size - 1))
    if negatives == "batch":
        return negatives
    whole = isinstance(negatives, int) and not isinstance(negatives, bool)
    if not whole or not 0 < negatives < dataset_size:
        raise ValueError(
            "`negatives` must be 'batch', or a positive integer below `dataset_size`, "
            f"{dataset_size}. Received: {negatives!r}"
        )
    return negatives
