"""A convolution whose kernel has its gradient by a product of matrices, on a CPU."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

_KINDS = ("auto", "product", "convolution")
# Where the product was faster, by `examples/benchmarks/kernel_gradients.py`: rows of
# the output with few pixels, more of them where there is a stride, and pixels with
# enough channels to be worth a copy.
_NARROW = {tf.bfloat16: (8, 16), tf.float32: (0, 4)}
_CHANNELS, _CHANNELS_IF_STRIDED = 32, 64


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Conv2D(keras.layers.Conv2D):
    """Keras's convolution, whose kernel's gradient need not be one.

    With P(x) the matrix of the patches that the kernel sees, a row for each pixel of
    the output y, convolution and gradient are

        y = P(x) K,  dK = P(x)^T dy.

    TensorFlow hands both to oneDNN as convolutions. On a CPU its kernel for the second
    works along the rows of the output and, where these are short, takes in bfloat16 up
    to six times as long as the first. There this layer copies the patches and
    multiplies, which makes the step of the small net in bfloat16 a third faster. The
    result is the same to rounding; x gets its gradient as before.

    Args:
        filters: Channels of the output.
        kernel_size: Height and width of the kernel, or one number for both.
        kernel_gradient: "product", "convolution", or "auto" for the product where it
            is the faster one: on CPUs alone; in bfloat16 where the output is at most
            8 pixels wide, or 16 if the stride is above 1; in float32 where it is above
            1 and the output at most 4 wide.
        **kwargs: As for `keras.layers.Conv2D`.

    Raises:
        ValueError: If `kernel_gradient` is not known, or is "product" and the layer
            has groups, dilation or its channels first.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        kernel_gradient: str = "auto",
        **kwargs: Any,
    ):
        super().__init__(filters, kernel_size, **kwargs)
        if kernel_gradient not in _KINDS:
            raise ValueError(
                f"`kernel_gradient` must be one of {_KINDS}. "
                f"Received: {kernel_gradient!r}"
            )
        if kernel_gradient == "product" and not is_plain(self):
            raise ValueError(
                '`kernel_gradient="product"` takes no groups, no dilation and channels '
                f"last. Received: groups={self.groups}, "
                f"dilation_rate={self.dilation_rate}, data_format={self.data_format!r}"
            )
        self.kernel_gradient = kernel_gradient

    def convolution_op(self, inputs, kernel):
        """Convolves `(batch, height, width, channels)` with the kernel."""
        if self.kernel_gradient == "convolution" or not self._by_product(inputs):
            return super().convolution_op(inputs, kernel)
        return _convolved(
            inputs, tf.convert_to_tensor(kernel), self.strides, self.padding.upper()
        )

    def _by_product(self, inputs: tf.Tensor) -> bool:
        if isinstance(inputs, keras.KerasTensor) or None in inputs.shape[1:]:
            return False
        if self.kernel_gradient == "product":
            return True
        if not is_plain(self) or inputs.dtype not in _NARROW or not _on_cpus():
            return False
        if max(self.kernel_size) == 1:
            # The patch is the pixel, and the convolution a product already.
            return False
        width, channels = self.compute_output_shape(inputs.shape)[2], inputs.shape[-1]
        narrow, narrow_if_strided = _NARROW[inputs.dtype]
        if width <= narrow:
            return channels >= _CHANNELS
        strided = max(self.strides) > 1 and width <= narrow_if_strided
        return strided and channels >= _CHANNELS_IF_STRIDED

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "kernel_gradient": self.kernel_gradient}


def is_plain(layer: keras.layers.Conv2D) -> bool:
    """Returns whether a convolution has channels last, and no groups or dilation."""
    last = layer.data_format == "channels_last"
    return last and layer.groups == 1 and set(layer.dilation_rate) == {1}


def _on_cpus() -> bool:
    return all(x.device_type == "CPU" for x in tf.config.list_logical_devices())


def _convolved(
    x: tf.Tensor, kernel: tf.Tensor, strides: tuple[int, int], padding: str
) -> tf.Tensor:
    strides = [1, *strides, 1]

    @tf.custom_gradient
    def convolved(x, kernel):
        y = tf.nn.conv2d(x, kernel, strides, padding)

        def gradient(dy):
            dx = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x),
                filter=kernel,
                out_backprop=dy,
                strides=strides,
                padding=padding,
            )
            size = kernel.shape[:2]
            patches = _patches(x, size, strides[1:3], padding, dy.shape[1:3])
            pixels = tf.reshape(dy, [-1, dy.shape[-1]])
            dkernel = tf.matmul(patches, pixels, transpose_a=True)
            return dx, tf.reshape(dkernel, kernel.shape)

        return y, gradient

    return convolved(x, kernel)


def _patches(
    x: tf.Tensor,
    size: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
    outputs: tuple[int, int],
) -> tf.Tensor:
    """Returns what the kernel sees, `(batch * height * width, size * channels)`.

    `tf.image.extract_patches` does the same and takes up to ten times as long.
    """
    height, width, channels = x.shape[1:]
    (rows, rows_inside), (columns, columns_inside) = (
        _seen(*axis, padding)
        for axis in zip((height, width), size, strides, outputs, strict=True)
    )
    # (outputs, outputs, size, size), as the kernel has its rows.
    index = rows[:, None, :, None] * width + columns[None, :, None, :]
    inside = rows_inside[:, None, :, None] & columns_inside[None, :, None, :]
    x = tf.reshape(x, [-1, height * width, channels])
    if not inside.all():
        # One black pixel more, which stands for all of the padding.
        x = tf.pad(x, [[0, 0], [0, 1], [0, 0]])
    index = np.where(inside, index, height * width).reshape(-1)
    patches = tf.gather(x, tf.constant(index, tf.int32), axis=1)
    return tf.reshape(patches, [-1, size[0] * size[1] * channels])


def _seen(
    length: int, size: int, stride: int, outputs: int, padding: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns along one axis which pixel each output sees, and whether it exists."""
    padded = max((outputs - 1) * stride + size - length, 0) if padding == "SAME" else 0
    at = np.arange(outputs)[:, None] * stride - padded // 2 + np.arange(size)[None, :]
    return at, (at >= 0) & (at < length)
