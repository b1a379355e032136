"""The parts of a run, made from its settings: images, policy, trunk, model."""

import keras
import tensorflow as tf

from keras_contrastive import augment, encoders, optimizers
from keras_contrastive.cli import images as images_
from keras_contrastive.cli.methods import METHODS
from keras_contrastive.cli.policies import POLICIES
from keras_contrastive.cli.settings import Settings
from keras_contrastive.data.squared import squared


def load(settings: Settings, split: str) -> tf.data.Dataset:
    """Reads a split of the run's dataset, square where its images vary in size."""
    # Room for the crop to choose from, and one size, so that images can be batched.
    side = settings.image_size * 8 // 7
    images = images_.load(vars(settings), split, side)
    if images.element_spec["image"].shape.is_fully_defined():
        return images
    return squared(images, side)


def make_policy(settings: Settings) -> augment.Policy:
    """Returns the run's augmentation."""
    return POLICIES[settings.augmentation](settings.image_size)


def make_encoder(settings: Settings, channels: int) -> keras.Model:
    """Returns the run's trunk as it is before training: the seed decides."""
    keras.utils.set_random_seed(settings.seed)
    shape = (settings.image_size, settings.image_size, channels)
    return encoders.create(settings.encoder, shape)


def make_model(
    settings: Settings, channels: int, images: int, steps_per_epoch: int
) -> keras.Model:
    """Returns the compiled model.

    Args:
        settings: Of the run.
        channels: Of the images.
        images: Number of images that are trained on.
        steps_per_epoch: Steps of an epoch.
    """
    model = METHODS[settings.method].make(
        make_encoder(settings, channels),
        make_policy(settings) if settings.augment_on == "device" else None,
        settings.arguments,
        images,
        steps_per_epoch * settings.epochs,
        settings.seed,
    )
    optimizer = make_optimizer(settings, steps_per_epoch)
    model.compile(
        optimizer,
        jit_compile=settings.jit_compile,
        steps_per_execution=settings.steps_per_execution,
    )
    return model


def make_optimizer(
    settings: Settings, steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    """Returns the optimizer with its schedule."""
    rate = _schedule(settings, steps_per_epoch)
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    kind = optimizers.LARS if settings.optimizer == "lars" else optimizers.SGD
    return kind(rate, weight_decay=settings.weight_decay)


def _schedule(
    settings: Settings, steps_per_epoch: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    # Adam's step does not shrink with the noise of the gradient.
    scaling = None if settings.optimizer == "adam" else "linear"
    if settings.schedule == "cosine":
        return optimizers.warmup_cosine(
            settings.learning_rate,
            settings.batch_size,
            steps_per_epoch,
            settings.epochs,
            settings.warmup_epochs,
            scaling=scaling,
        )
    peak = settings.learning_rate * (settings.batch_size / 256 if scaling else 1)
    if settings.schedule == "constant":
        return peak
    # MoCo's: a tenth at epochs 120 and 160 of 200.
    steps = steps_per_epoch * settings.epochs
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps * 6 // 10, steps * 8 // 10], [peak, peak / 10, peak / 100]
    )
