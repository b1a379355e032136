"""A trunk as one file: what its layers are, and their weights, in NumPy's npz."""

import io
import json
import zipfile

import keras
import numpy as np

# A byte string of JSON, as an array; the weights lie beside it under their numbers.
_LAYERS = "layers"


def pack(encoder: keras.Model, half: bool = False) -> bytes:
    """Returns a trunk as the bytes of an npz file.

    Args:
        encoder: A built Keras model.
        half: Whether kernels, which are the weights of two or more axes, are rounded
            to float16. Vectors, such as batch norm's, stay as they are: they are few,
            and a variance may be larger than float16 goes. A trunk that has been
            rounded already gives the same bytes again.

    Raises:
        ValueError: If a kernel is larger than float16 goes.
    """
    config = keras.saving.serialize_keras_object(encoder)
    arrays = {_LAYERS: np.frombuffer(json.dumps(config).encode(), np.uint8)}
    for number, weight in enumerate(encoder.weights):
        array = keras.ops.convert_to_numpy(weight)
        if array.dtype.kind == "V":  # bfloat16, which npz does not know
            array = array.astype(np.float32)
        if half and array.ndim > 1:
            with np.errstate(over="ignore"):
                rounded = array.astype(np.float16)
            if not np.array_equal(np.isfinite(rounded), np.isfinite(array)):
                raise ValueError(
                    "`half` must be False for a kernel beyond float16's range. "
                    f"Received: {weight.path}, as large as {np.abs(array).max():.3g}"
                )
            array = rounded
        arrays[str(number)] = array
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def unpack(packed: bytes) -> keras.Model:
    """Builds the trunk that `pack` packed, with weights in its own precision.

    Nothing in the file is run: NumPy reads it without pickle, and Keras builds the
    layers in its safe mode, which refuses code.

    Args:
        packed: The file's bytes.

    Raises:
        ValueError: If it is no such file, or its weights are not those of its layers.
    """
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as file:
            arrays = dict(file)
        config = json.loads(arrays.pop(_LAYERS).tobytes())
        encoder = keras.saving.deserialize_keras_object(config, safe_mode=True)
    # What NumPy, zip, JSON and Keras raise at bytes that are none of theirs.
    except (ValueError, TypeError, KeyError, OSError, EOFError, zipfile.error) as error:
        raise ValueError(
            "A preset's file must hold layers that Keras can build without running "
            f"code, and arrays of numbers. Received: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(encoder, keras.Model):
        raise ValueError(
            "A preset's file must hold a Keras model. "
            f"Received: {type(encoder).__name__}"
        )
    weights = [arrays.get(str(number)) for number in range(len(arrays))]
    shapes = [None if x is None else x.shape for x in weights]
    expected = [tuple(weight.shape) for weight in encoder.weights]
    if shapes != expected:
        raise ValueError(
            f"A preset's weights must have the shapes of its layers', {expected}. "
            f"Received: {shapes}"
        )
    for weight, array in zip(encoder.weights, weights, strict=True):
        weight.assign(array.astype(weight.dtype))
    return encoder
