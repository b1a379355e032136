"""A restricted Boltzmann machine on MNIST's bits, by persistent CD.

python examples/rbm_mnist.py --data_dir ~/tensorflow_datasets --download
"""

import argparse

import keras

import keras_contrastive as kc


def main(data_dir=None, download=False, hidden=500, epochs=40, batch_size=100):
    """Trains, measures the likelihood, and draws filters and samples."""
    train = kc.data.load("mnist", "train", data_dir, download)
    test = kc.data.load("mnist", "test", data_dir, download)
    bits = kc.data.bits(train, batch_size, repeat=True)  # drawn anew each epoch

    rbm = kc.energies.RBM(784, hidden)
    model = kc.models.PersistentContrastiveDivergence(
        rbm, kc.samplers.Gibbs(), steps=1, particles=batch_size
    )
    steps = len(train) // batch_size
    rate = keras.optimizers.schedules.PolynomialDecay(0.05, steps * epochs, 0.0)
    model.compile(keras.optimizers.SGD(rate))
    monitor = kc.callbacks.EnergyMonitor()
    model.fit(bits, epochs=epochs, steps_per_epoch=steps, callbacks=[monitor])

    images = next(iter(test.batch(len(test))))["image"]
    held_out = kc.data.binarise(images, seed=0)
    log_z = kc.evaluation.ais_log_partition(
        rbm, temperatures=1000, data=held_out[:1000]
    )
    mean, error = kc.evaluation.mean_log_likelihood(rbm, held_out, log_z)
    print(f"log-likelihood of the test images: {mean:.1f} ± {error:.1f} nats")

    kc.plots.save(kc.plots.plot_filters(rbm, (28, 28)), "rbm_filters.png")
    chain = model.sampler.chain(rbm, model.buffer.particles, 1000, thin=100)
    kc.plots.save(kc.plots.plot_chain(chain.samples, (28, 28)), "rbm_chain.png")
    return float(mean)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", help="folder of tfds datasets")
    parser.add_argument("--download", action="store_true")
    parser.add_argument("--epochs", type=int, default=40)
    main(**vars(parser.parse_args()))
