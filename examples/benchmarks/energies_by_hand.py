"""Energy models' steps in plain TensorFlow: what `bare_energies.py` compares with.

Each function takes a model, for its weights, its settings and what its particles are at
first, and the points that every step reads, and returns the parts of the step, as
`steps_by_hand.py` puts them together. None of the library's losses, samplers, memories
and random numbers is in them.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from steps_by_hand import Parts, adam

RATES = {"sgd": 0.05, "adam": 1e-3}


def uniform(shape):
    """Returns numbers in [0, 1)."""
    return tf.random.uniform(shape)


def normal(shape):
    """Returns numbers of mean 0 and variance 1."""
    return tf.random.normal(shape)


def coins(probabilities):
    """Returns bits."""
    drawn = uniform(tf.shape(probabilities))
    return tf.cast(drawn < probabilities, tf.float32)


def plain(variables):
    """Returns a function of the gradients that goes straight down."""

    def descend(gradients):
        for v, gradient in zip(variables, gradients, strict=True):
            v.value.assign_sub(RATES["sgd"] * gradient)

    return descend


def by_adam(variables):
    """Returns Adam's step."""
    return adam(variables, RATES["adam"])


def gibbs(rbm, v):
    """Returns visible bits that were drawn given hidden ones that were given these."""
    h = coins(tf.sigmoid(rbm.hidden_biases + v @ rbm.kernel))
    back = tf.matmul(h, rbm.kernel, transpose_b=True)
    return coins(tf.sigmoid(rbm.visible_biases + back))


def free_energy(rbm, v):
    """Returns an RBM's energies."""
    softplus = tf.nn.softplus(rbm.hidden_biases + v @ rbm.kernel)
    return -tf.linalg.matvec(v, rbm.visible_biases) - tf.reduce_sum(softplus, 1)


def rbm_cd(model, x):
    """One Gibbs step from the data."""
    rbm = model.energy

    def loss(samples):
        energies = free_energy(rbm, tf.concat([x, samples], 0))
        data, low = tf.split(energies, 2)
        return tf.reduce_mean(data) - tf.reduce_mean(low), None

    return Parts(loss, lambda: gibbs(rbm, x), optimizer=plain)


def rbm_pcd(model, x):
    """One Gibbs step from where the last one ended."""
    particles = tf.Variable(model.buffer.particles.value)
    loss = rbm_cd(model, x).loss
    return Parts(
        lambda samples: (loss(samples)[0], samples),
        lambda: gibbs(model.energy, particles),
        particles.assign,
        plain,
    )


def energy_of(model):
    """Returns a network's energies as a function of points."""
    return lambda x: model.energy.network(x)[:, 0]


def slope(energy, x):
    """Returns dE/dx."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        energies = energy(x)
    return tape.gradient(energies, x)


def langevin_pcd(model, x):
    """Clipped Langevin steps of some particles, a few of which then begin anew."""
    energy, walk = energy_of(model), model.sampler
    particles = tf.Variable(model.buffer.particles.value)
    size, count = model.buffer.size, len(x)
    noise = math.sqrt(2 * walk.step_size * walk.temperature)

    def move(step, chain):
        down = tf.clip_by_value(slope(energy, chain), -walk.clip, walk.clip)
        chain += noise * normal(x.shape) - walk.step_size * down
        return step + 1, tf.clip_by_value(chain, *walk.bounds)

    def before():
        slots = (tf.cast(uniform([]) * size, tf.int32) + tf.range(count)) % size
        start = tf.constant(0), tf.gather(particles, slots)
        _, chain = tf.while_loop(lambda step, _: step < model.steps, move, start)
        return slots, tf.stop_gradient(chain)

    def loss(given):
        data, samples = tf.split(energy(tf.concat([x, given[1]], 0)), 2)
        small = tf.reduce_mean(data**2) + tf.reduce_mean(samples**2)
        contrast = tf.reduce_mean(data) - tf.reduce_mean(samples)
        return contrast + model.energy_regularisation * small, given

    def after(given):
        slots, chain = given
        anew = uniform([count, 1, 1, 1]) < model.buffer.reinitialise
        chain = tf.where(anew, uniform(x.shape), chain)
        particles.scatter_update(tf.IndexedSlices(chain, slots))

    return Parts(loss, before, after, by_adam)


def noise_contrastive(model, x):
    """Tells the data from normal noise."""
    energy = energy_of(model)
    mean, variance = model.noise.mean, model.noise.covariance
    constant = 0.5 * math.log(2 * math.pi * variance) * math.prod(x.shape[1:])

    def before():
        return mean + math.sqrt(variance) * normal(x.shape)

    def loss(noise):
        both = tf.concat([x, noise], 0)
        far = tf.reduce_sum((both - mean) ** 2, [1, 2, 3]) / (2 * variance)
        odds = model.log_constant - energy(both) + far + constant
        data, drawn = tf.split(odds, 2)
        losses = tf.nn.softplus(-data) + tf.nn.softplus(drawn)
        return tf.reduce_mean(losses), None

    return Parts(loss, before, optimizer=by_adam)


def score_matching(model, x):
    """The curvature along one random direction a point."""
    energy = energy_of(model)

    def loss(_):
        signs = 2 * tf.cast(uniform(x.shape) >= 0.5, tf.float32) - 1
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            slopes = slope(energy, x)
            along = tf.reduce_sum(slopes * signs)
        curvature = tf.reduce_sum(tape.gradient(along, x) * signs, [1, 2, 3])
        squares = tf.reduce_sum(slopes**2, [1, 2, 3]) / 2
        return tf.reduce_mean(squares - curvature), None

    return Parts(loss, optimizer=by_adam)


def denoising_score_matching(model, x):
    """The slope at noisy points."""
    energy, stddev = energy_of(model), model.stddev

    def loss(_):
        noise = normal(x.shape)
        residual = slope(energy, x + stddev * noise) - noise / stddev
        return tf.reduce_mean(tf.reduce_sum(residual**2, [1, 2, 3])) / 2, None

    return Parts(loss, optimizer=by_adam)


def of_flips(value):
    """Returns a step down a sum of `value` of what each bit's flip does to the energy.

    The couplings are a whole matrix here, of which the upper half counts.
    """

    def parts(model, x):
        biases = model.energy.biases
        couplings = keras.Variable(model.energy.matrix())
        upper = tf.constant(np.triu(np.ones(couplings.shape, "float32"), 1))

        def loss(_):
            half = couplings * upper
            field = biases + x @ (half + tf.transpose(half))
            losses = tf.reduce_sum(value((2 * x - 1) * field), 1)
            return tf.reduce_mean(losses), None

        return Parts(loss, optimizer=plain, variables=[biases, couplings])

    return parts


pseudo_likelihood = of_flips(lambda rise: tf.nn.softplus(-rise))
ratio_matching = of_flips(lambda rise: tf.sigmoid(-rise) ** 2)
minimum_probability_flow = of_flips(lambda rise: tf.exp(-rise / 2))


def maximum_likelihood(model, x):
    """The energies of a whole grid."""
    energy = energy_of(model)
    (low, high), nodes = model.bounds, model.nodes
    side = low + (tf.range(nodes, dtype=tf.float32) + 0.5) * (high - low) / nodes
    grid = tf.reshape(tf.stack(tf.meshgrid(side, side), 2), [-1, 2])
    cell = 2 * math.log((high - low) / nodes)

    def loss(_):
        log_z = tf.reduce_logsumexp(-energy(grid)) + cell
        return tf.reduce_mean(energy(x)) + log_z, None

    return Parts(loss, optimizer=by_adam)
