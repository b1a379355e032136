import dataclasses

import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli.parts import make_optimizer
from tests.cli.resolved import settings


def rates(found, steps_per_epoch=10):
    rate = make_optimizer(found, steps_per_epoch)._learning_rate
    if not callable(rate):
        return np.full(found.epochs * steps_per_epoch, float(rate))
    return np.array([float(rate(i)) for i in range(found.epochs * steps_per_epoch)])


def test_steps_fall_to_a_tenth_twice_as_in_moco():
    found = settings("--recipe=moco_v1_imagenet")
    rate = rates(found, 1)
    np.testing.assert_allclose(rate[:120], 0.03, rtol=1e-6)
    np.testing.assert_allclose(rate[121:160], 0.003, rtol=1e-6)
    np.testing.assert_allclose(rate[161:], 0.0003, rtol=1e-6)


def test_the_cosine_rises_then_falls_and_scales_with_the_batch():
    found = settings("--recipe=simclr_imagenet")
    rate = rates(found)
    assert rate.argmax() == 100
    np.testing.assert_allclose(rate.max(), 0.3 * 4096 / 256, rtol=1e-6)
    assert rate[-1] < 0.01


def test_a_constant_rate_stays():
    found = settings("--schedule=constant", "--batch_size=512", "--learning_rate=0.2")
    np.testing.assert_allclose(rates(found), 0.4, rtol=1e-6)
    adam = dataclasses.replace(found, optimizer="adam")
    np.testing.assert_allclose(rates(adam), 0.2, rtol=1e-6)


@pytest.mark.parametrize(("name", "kind"), [("sgd", "SGD"), ("lars", "LARS")])
def test_the_optimizer_is_ours_with_the_weight_decay(name, kind):
    found = settings(f"--optimizer={name}", "--weight_decay=0.125")
    optimizer = make_optimizer(found, 10)
    assert type(optimizer) is getattr(kc.optimizers, kind)
    assert optimizer.coupled_weight_decay == 0.125
