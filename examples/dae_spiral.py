"""A denoising autoencoder of a spiral: its arrows, its energy and its flat spots.

The arrows point back to the data, and the energy |r(x) - x|^2 is low on them, but also
half-way between two arms, where the arrows have no side to point to.

    python examples/dae_spiral.py --out dae_spiral.png
"""

import argparse

import keras

import keras_contrastive as kc

BOUNDS, NOISE = (-4.0, 4.0), 0.2


def main(toy="spiral", epochs=100, points=10_000, units=256, out="dae_spiral.png"):
    """Trains, looks for flat spots, and draws."""
    keras.utils.set_random_seed(0)
    data = kc.data.toy(toy, points)
    dense = keras.layers.Dense
    # Steep from the start: the arms are close to each other.
    steep = keras.initializers.VarianceScaling(10.0)
    layers = [dense(units, "tanh", kernel_initializer=steep), dense(units, "tanh")]
    encoder = keras.Sequential([keras.Input([2]), *layers])
    decoder = keras.Sequential([keras.Input([units]), dense(units, "tanh"), dense(2)])
    model = kc.models.DenoisingAutoencoder(
        encoder, decoder, kc.augment.GaussianNoise(NOISE), seed=0
    )
    batch = min(256, points)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * points // batch)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(data, batch_size=batch, epochs=epochs, verbose=2)
    spots = kc.evaluation.flat_spots(model.energy, BOUNDS, data, off_data=0.15)
    print(
        f"{spots.false.sum()} of {len(spots.points)} places where r(x) = x are no data"
    )
    # As far as the noise is wide: there the energy has something to say.
    figure = kc.plots.plot_vector_field(
        model.energy, BOUNDS, data[:1000], spots, depth=NOISE**2
    )
    kc.plots.save(figure, out)
    return spots


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toy", default="spiral")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", default="dae_spiral.png")
    main(**vars(parser.parse_args()))
