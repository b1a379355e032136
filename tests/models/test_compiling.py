import keras
import pytest

from tests.contracts import zoo


def test_what_would_train_wrongly_is_refused(two_devices):
    with two_devices.scope():
        shared = zoo.MODELS["SimCLR"]()
        for option in ("clipnorm", "clipvalue", "global_clipnorm"):
            optimizer = keras.optimizers.SGD(0.1, **{option: 0.5})
            with pytest.raises(ValueError, match=rf"{option} under 2.*Received: 0.5"):
                shared.compile(optimizer)
        with pytest.raises(ValueError, match=r"`jit_compile`.*2 replicas.*Received: T"):
            shared.compile("sgd", jit_compile=True)
