import keras
import numpy as np
import pytest

from keras_contrastive.optimizers import warmup_cosine


def rates(schedule, steps):
    return [float(schedule(step)) for step in steps]


def test_values_along_the_way():
    # 10 steps of warm-up, then 90 of cosine, to a peak of 0.3 * 512 / 256 = 0.6.
    schedule = warmup_cosine(0.3, 512, 10, 10, warmup_epochs=1)
    expected = {0: 0.0, 5: 0.3, 10: 0.6, 55: 0.3, 100: 0.0, 150: 0.0}
    for step in (25, 77, 99):
        expected[step] = 0.6 * 0.5 * (1 + np.cos(np.pi * (step - 10) / 90))
    np.testing.assert_allclose(
        rates(schedule, expected), list(expected.values()), atol=1e-7
    )


def test_scalings():
    peaks = [
        float(warmup_cosine(0.1, 1024, 1, 4, 2, scaling)(2))
        for scaling in ("linear", "sqrt", None)
    ]
    np.testing.assert_allclose(peaks, [0.4, 3.2, 0.1], rtol=1e-6)


def test_no_warmup_starts_at_the_peak():
    schedule = warmup_cosine(0.1, 256, 5, 4, warmup_epochs=0)
    np.testing.assert_allclose(rates(schedule, [0, 10, 20]), [0.1, 0.05, 0], atol=1e-8)


@pytest.mark.parametrize("warmup_epochs", [0, 1.5])
def test_final_is_a_share_of_the_peak(warmup_epochs):
    schedule = warmup_cosine(0.1, 512, 4, 5, warmup_epochs, final=0.25)
    np.testing.assert_allclose(rates(schedule, [20, 99]), [0.05, 0.05], rtol=1e-6)
    assert float(schedule(round(4 * warmup_epochs))) == pytest.approx(0.2)


def test_it_is_keras_own_and_round_trips():
    schedule = warmup_cosine(0.3, 512, 10, 20)
    assert type(schedule) is keras.optimizers.schedules.CosineDecay
    again = keras.optimizers.schedules.deserialize(
        keras.optimizers.schedules.serialize(schedule)
    )
    steps = range(0, 210, 7)
    assert rates(again, steps) == rates(schedule, steps)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_learning_rate": 0.0}, "`base_learning_rate` must be above 0"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"steps_per_epoch": 0}, "`steps_per_epoch` must be at least 1"),
        ({"epochs": 0}, "`epochs` must be at least 1"),
        ({"epochs": 10}, "to below `epochs`, 10. Received: 10"),
        ({"warmup_epochs": -1}, "`warmup_epochs`"),
        ({"scaling": "cubic"}, "Received: 'cubic'"),
        ({"final": 1.5}, "`final` must be in"),
    ],
)
def test_bad_input(arguments, message):
    good = {
        "base_learning_rate": 0.3,
        "batch_size": 256,
        "steps_per_epoch": 5,
        "epochs": 100,
    }
    with pytest.raises(ValueError, match=message):
        warmup_cosine(**{**good, **arguments})
