"""Nets that replicas cannot share are refused; those of others are made to fit."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.contracts import zoo


def backbone(**options):
    return keras.Sequential(
        [
            keras.Input((zoo.SIZE, zoo.SIZE, 3)),
            keras.layers.Conv2D(6, 3, 2),
            keras.layers.BatchNormalization(name="stock", **options),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def trained():
    keras.utils.set_random_seed(1)
    trunk = kc.encoders.from_backbone(backbone(), (0, 1))
    model = kc.models.SimCLR(trunk, None, 4, 0.5, projection_layers=1, seed=3)
    model.compile(keras.optimizers.SGD(0.01))
    model.fit(zoo.dataset("SimCLR"), verbose=0)
    return model


def test_a_stock_backbone_is_synchronised(two_devices):
    alone = trained()
    with two_devices.scope():
        both = trained()
    for one, two in zip(alone.variables, both.variables, strict=True):
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-5, err_msg=one.path)


def test_what_replicas_would_train_otherwise_is_refused(two_devices):
    def model(chunk_size=None, **options):
        return kc.models.SimCLR(backbone(**options), None, 4, chunk_size=chunk_size)

    with two_devices.scope():
        with pytest.raises(ValueError, match=r"synchronized=True.*Received: .*'stock'"):
            model()
        model(synchronized=True)
        with pytest.raises(ValueError, match=r"synchronized=False.*Received: .*'stock"):
            model(chunk_size=4, synchronized=True)
        model(chunk_size=4)
        trunk = backbone(synchronized=True, activity_regularizer="l2")
        with pytest.raises(ValueError, match=r"`activity_regularizer`.*Received: .*st"):
            kc.models.SimCLR(trunk, None, 4)
    # On one replica nothing is in the way.
    model()
    kc.models.SimCLR(trunk, None, 4)


def test_a_backbone_is_set_as_asked():
    for value in (True, False):
        net = backbone(synchronized=not value)
        kc.encoders.from_backbone(net, synchronized=value)
        assert net.get_layer("stock").synchronized is value
        kc.encoders.from_backbone(net)
        assert net.get_layer("stock").synchronized is value
