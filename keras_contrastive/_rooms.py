"""All rooms, opened: what `import keras_contrastive` imports.

Keras's loader finds a class by the name that it was registered under, so all of them
are imported, or known to be there, before somebody loads a model.
"""

try:
    import keras
except ImportError as error:
    raise ImportError(
        "keras_contrastive needs Keras 3 on TensorFlow, and Keras could not be "
        "imported. Set KERAS_BACKEND=tensorflow, or leave it unset."
    ) from error

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_contrastive needs the TensorFlow backend of Keras 3: set "
        "KERAS_BACKEND=tensorflow before the first import of keras. "
        f"Received: backend {keras.backend.backend()!r}"
    )

from keras_contrastive import (  # noqa: F401
    _lazy,
    callbacks,
    data,
    distribute,
    encoders,
    energies,
    evaluation,
    export,
    losses,
    memory,
    models,
    optimizers,
    plots,
    samplers,
)

_lazy.register()
