"""A denoising autoencoder of MNIST: filters, mended digits, and digits it walks to.

python examples/dae_mnist.py --data_dir DIR --out dae_mnist
"""

import argparse

import keras
import numpy as np

import keras_contrastive as kc


def main(dataset="mnist", data_dir=None, units=500, epochs=10, out="dae_mnist"):
    """Trains with salt and pepper on the pixels, draws, and asks the neighbours."""
    keras.utils.set_random_seed(0)
    train = kc.data.load(dataset, "train", data_dir)
    shape = train.element_spec["image"].shape
    pixels = int(np.prod(shape))
    layers = [keras.Input([pixels]), keras.layers.Dense(units, "sigmoid")]
    encoder = keras.Sequential(layers)
    spice = kc.augment.SaltAndPepper(0.4)
    model = kc.models.DenoisingAutoencoder(
        encoder, "tied", spice, loss="cross_entropy", seed=0
    )
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(kc.data.batches(train, 100), epochs=epochs, verbose=2)

    images = np.stack([x["image"] for x in train.take(2000)]).reshape(-1, pixels) / 255
    filters = kc.plots.plot_filters(encoder.layers[0].kernel, shape)
    levels = {f"{rate:.0%}": kc.augment.SaltAndPepper(rate) for rate in (0.2, 0.4, 0.6)}
    mended = kc.plots.plot_reconstructions(model.energy, images[:10], levels, shape)
    walk = kc.samplers.WalkBack(spice, "bernoulli")
    chain = walk.chain(model.energy, images[:10], steps=20, seed=[0, 0], thin=2)
    walked = kc.plots.plot_chain(chain.samples.numpy(), shape, range(2, 21, 2))
    pictures = {"filters": filters, "mended": mended, "walk": walked}
    for name, figure in pictures.items():
        kc.plots.save(figure, f"{out}/{name}.png")

    labels = np.array([x["label"] for x in train.take(2000)])
    half = len(images) // 2
    for name, x in (("pixels", images), ("features", encoder(images).numpy())):
        accuracy = kc.evaluation.knn_accuracy(
            x[:half], labels[:half], x[half:], labels[half:], k=20
        )
        print(f"kNN accuracy of {name}, {half} labels: {accuracy:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data_dir", default=None, help="folder of tfds datasets")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", default="dae_mnist")
    main(**vars(parser.parse_args()))
