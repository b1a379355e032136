"""NNCLR: the positive is the nearest neighbour of a view in a support queue."""

from typing import Any

import keras
import tensorflow as tf

from keras_contrastive.distribute import all_gather, all_gather_together, replica_index
from keras_contrastive.encoders import projection_head
from keras_contrastive.losses.cosine import check_temperature
from keras_contrastive.losses.info_nce import info_nce_logits
from keras_contrastive.memory import FeatureQueue
from keras_contrastive.models.batches import check_room
from keras_contrastive.models.embedding import EmbeddingModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NNCLR(EmbeddingModel):
    """Nearest-neighbour contrastive learning of visual representations.

    The embedding of a view is replaced by the most similar one among those of the
    batches before, and that neighbour attracts the prediction of the image's other
    view and repels those of the other images of the global batch. The energy of a pair
    is minus the cosine similarity over a temperature. The first views' embeddings enter
    the support queue after the loss. In the first step of all the queue is empty, and
    each embedding is its own neighbour. Both views go through the trunk as one batch.

    Source: Dwibedi et al. 2021 (https://arxiv.org/abs/2104.14548), equation 4 and
    section 3.2.

    Args:
        encoder: Trunk, images in [0, 1] to features `(batch, features)`. It is trained
            in place.
        augment: Layer that makes a view of an image batch; None when the dataset
            brings ready views.
        projection_dim: Size of the embedding that the loss compares.
        hidden_dim: Width of the two hidden layers of the head.
        prediction_dim: Width of the hidden layer of the predictor.
        queue_size: Embeddings that the support queue keeps, at least a global batch.
        temperature: Above 0.
        seed: Seed of the views; None draws one.
        **kwargs: `name`.

    Raises:
        TypeError: If `encoder` or `augment` is not a Keras layer.
        ValueError: If the encoder is not built, or a number is out of its range.
    """

    def __init__(
        self,
        encoder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projection_dim: int = 256,
        hidden_dim: int = 2048,
        prediction_dim: int = 4096,
        queue_size: int = 98304,
        temperature: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(encoder, augment, seed=seed, **kwargs)
        self.projection_dim = projection_dim
        self.hidden_dim = hidden_dim
        self.prediction_dim = prediction_dim
        self.temperature = check_temperature(temperature)
        self.projection = projection_head(
            self.feature_dim, projection_dim, hidden_dim, 3, last_batch_norm=True
        )
        self.predictor = projection_head(
            projection_dim, projection_dim, prediction_dim, name="predictor"
        )
        self.queue = FeatureQueue(queue_size, projection_dim)
        self.built = True

    def embed(
        self, views: tuple[tf.Tensor, ...], training: bool
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Returns each view's embedding and prediction, `(batch, projection_dim)`."""
        features = self.encoder(tf.concat(views, axis=0), training=training)
        embedded = self.projection(features, training=training)
        predicted = self.predictor(embedded, training=training)
        return tf.split(embedded, len(views)), tf.split(predicted, len(views))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Attracts predictions to the other view's neighbour; then the queue moves."""
        views = self.views(data, step=self.step)
        with tf.GradientTape() as tape:
            embedded, predicted = self.embed(views, training=True)
            loss = self.contrast(embedded, predicted)
            scaled_loss = self.scaled(loss)
        self.minimise(tape, scaled_loss)
        self.queue.enqueue(all_gather(embedded[0]))
        return self.results()

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the loss and the metrics in inference mode; the queue stays."""
        self.contrast(*self.embed(self.views(data, step=-1), training=False))
        return self.results()

    def contrast(
        self, embedded: list[tf.Tensor], predicted: list[tf.Tensor]
    ) -> tf.Tensor:
        """Returns this replica's mean loss and records the metrics.

        Args:
            embedded: `(batch, projection_dim)` for each view.
            predicted: `(batch, projection_dim)` for each view.
        """
        offset = replica_index() * tf.shape(embedded[0])[0]
        losses = []
        everyone = all_gather_together(*predicted)
        for view, prediction, candidates in zip(
            embedded, reversed(predicted), reversed(everyone), strict=True
        ):
            logits, positive = info_nce_logits(
                self.queue.nearest(view),
                prediction,
                temperature=self.temperature,
                candidates=candidates,
                offset=offset,
            )
            losses.append(self.picked(logits, positive, self.temperature))
        self.watch(all_gather(embedded[0]))
        loss = tf.add_n(losses) / len(losses)
        self.loss_mean.update_state(loss)
        return loss

    def check_training_spec(self, spec: dict[str, Any]) -> None:
        """Stops before the first step at a batch that the queue cannot take."""
        super().check_training_spec(spec)
        check_room(spec, self.queue.size)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "hidden_dim": self.hidden_dim,
            "prediction_dim": self.prediction_dim,
            "queue_size": self.queue.size,
            "temperature": self.temperature,
        }
