"""SupCon: all views of a class attract, the views of other classes repel."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather, replica_index
from keras_contrastive.losses.sup_con import check_labels, compare
from keras_contrastive.models.batches import select
from keras_contrastive.models.two_views import TwoViewModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SupCon(TwoViewModel):
    """Supervised contrastive learning.

    As SimCLR, but with labels: every view of an image of the anchor's class is a
    positive, in the whole global batch (`kc.losses.sup_con`). Where all labels differ
    it is SimCLR. `contrastive_accuracy` is the share of views whose nearest other view
    is of their class.

        train = kc.data.load("cifar10", "train")
        model = kc.models.SupCon(encoder, kc.augment.simclr(32, 0.5, blur=False))
        model.compile(keras.optimizers.Adam(1e-3))
        model.fit(kc.data.batches(train, 256), epochs=10)

    Source: Khosla et al. 2020 (https://arxiv.org/abs/2004.11362).

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`. It is trained
            in place.
        augment: Layer that makes a view of an image batch, such as
            `kc.augment.simclr(32)`; None when the dataset brings ready views.
        projection_dim: Size of the embedding that the loss compares.
        temperature: Above 0.
        projection_layers: Layers of the projection head, 1 to 3.
        hidden_dim: Width of its hidden layers; None takes the features' size.
        chunk_size: Images of one view that pass the trunk at once, on each replica, so
            that a batch of thousands fits; see `GradientCache`. None: all.
        block_size: Candidates that the loss compares at once; None: all.
        seed: Seed of the views; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder` or `augment` is not a Keras layer.
        ValueError: If the temperature or a size is out of its range.
    """

    features = ("image", "views", "label")

    def contrast(self, z1: tf.Tensor, z2: tf.Tensor, data: Any) -> tf.Tensor:
        """Returns this replica's mean supervised loss; records metrics."""
        batch = select(data, self.features)
        self._check_label(batch)
        labels = tf.tile(check_labels(batch["label"], "label"), [2])
        z = tf.concat([z1, z2], axis=0)
        losses, closest = compare(
            z,
            labels,
            self.temperature,
            candidates=(all_gather(z), all_gather(labels)),
            offset=replica_index() * tf.shape(z)[0],
            block_size=self.block_size,
        )
        loss = tf.reduce_mean(losses)
        self.loss_mean.update_state(loss)
        self.accuracy.update_state(tf.cast(closest, tf.float32))
        self.watch(all_gather(z1))
        return loss

    def check_spec(self, spec: dict[str, Any]) -> None:
        """Stops before the first step at a dataset without labels."""
        super().check_spec(spec)
        self._check_label(spec)

    def _check_label(self, batch: dict[str, Any]) -> None:
        if "label" not in batch:
            raise ValueError(
                "`x` must hold a 'label' for each image: (images, labels), or a "
                "dictionary with 'label'. Without labels use SimCLR. "
                f"Received: a batch with {sorted(batch)}"
            )
        label = batch["label"]
        if not tf.as_dtype(label.dtype).is_integer or len(label.shape) != 1:
            raise TypeError(
                "`x` must have integer labels of shape (batch,). "
                f"Received: {tf.as_dtype(label.dtype).name} {tuple(label.shape)}"
            )
