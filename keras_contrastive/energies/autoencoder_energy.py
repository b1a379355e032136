"""What energies of autoencoders share: a reconstruction, and where it points."""

import tensorflow as tf

from keras_contrastive.energies.energy import Energy


class AutoencoderEnergy(Energy):
    """An energy that knows a map r from points to points.

    Where r was trained to undo Gaussian noise of deviation sigma, its best form is

        r(x) = x + sigma^2 grad log p_sigma(x)

    with p_sigma the data's density smoothed by the noise: r(x) - x points back to the
    data.

    Source: Alain & Bengio 2014 (https://arxiv.org/abs/1211.4246); the formula is
    Tweedie's, in Robbins 1956.
    """

    def reconstruct(self, x: tf.Tensor) -> tf.Tensor:
        """Returns r(x) in inference mode, of the shape of the points `(batch, ...)`."""
        raise NotImplementedError

    def field(self, x: tf.Tensor) -> tf.Tensor:
        """Returns r(x) - x, `(batch, ...)`."""
        x = self.points(x)
        return self.reconstruct(x) - x
