"""Weighted objectives over all states, their minima, and how far samples stray."""

import numpy as np
import scipy.optimize
import tensorflow as tf


def pack(variables):
    return np.concatenate([np.ravel(v.numpy()) for v in variables])


def assign(variables, values):
    for variable in variables:
        size = variable.numpy().size
        variable.assign(np.reshape(values[:size], variable.shape))
        values = values[size:]


def minimise(loss_of, variables):
    """Sets variables to where a function of them alone is lowest (L-BFGS, float64)."""

    @tf.function
    def value_and_gradient():
        with tf.GradientTape() as tape:
            loss = loss_of()
        gradients = tape.gradient(loss, [v.value for v in variables])
        return loss, tf.concat([tf.reshape(g, [-1]) for g in gradients], axis=0)

    def at(values):
        assign(variables, values)
        return [x.numpy() for x in value_and_gradient()]

    options = {"maxiter": 5000, "maxfun": 20_000, "gtol": 1e-10, "ftol": 1e-15}
    start = pack(variables)
    result = scipy.optimize.minimize(
        at, start, jac=True, method="L-BFGS-B", options=options
    )
    assign(variables, result.x)


def gradients_of(values_of, variables):
    """d values_of() / d variables, `(values, parameters)`."""
    with tf.GradientTape() as tape:
        values = values_of()
    parts = tape.jacobian(values, [v.value for v in variables])
    count = values.shape[0]
    return np.concatenate([np.reshape(p.numpy(), [count, -1]) for p in parts], axis=1)


def hessian_of(loss_of, variables):
    """Second derivatives of a scalar, `(parameters, parameters)`."""
    held = [v.value for v in variables]
    with tf.GradientTape() as outer:
        with tf.GradientTape() as tape:
            loss = loss_of()
        gradients = tape.gradient(loss, held)
        flat = tf.concat([tf.reshape(g, [-1]) for g in gradients], axis=0)
    parts = outer.jacobian(flat, held)
    return np.concatenate(
        [np.reshape(p.numpy(), [flat.shape[0], -1]) for p in parts], axis=1
    )


def covariance(gradients, weights):
    """Covariance of rows that come with given probabilities."""
    centred = gradients - weights @ gradients
    return (centred * weights[:, None]).T @ centred


def sandwich(hessian, variance):
    """N times the covariance of the minimum over N points: H^-1 V H^-1."""
    inverse = np.linalg.inv(hessian)
    return inverse @ variance @ inverse
