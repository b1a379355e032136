"""SimCLR on CIFAR-10: pretrain without labels, look at the features, export them.

python examples/simclr_cifar10.py --data_dir ~/tensorflow_datasets --download
"""

import argparse

import keras_contrastive as kc


def main(
    data_dir=None, download=False, epochs=10, batch_size=256, out="cifar10_encoder"
):
    """Pretrains, measures and exports."""
    train = kc.data.load("cifar10", "train[:90%]", data_dir, download)
    held_out = kc.data.load("cifar10", "train[90%:]", data_dir, download)

    # Two views of every image, made in the input pipeline.
    policy = kc.augment.simclr(image_size=32, strength=0.5, blur=False)
    pairs = kc.data.views(train, policy, batch_size)

    # The trunk that is kept, and the method that trains it.
    encoder = kc.encoders.create("convnet", (32, 32, 3))
    model = kc.models.SimCLR(encoder, temperature=0.5, hidden_dim=256)
    schedule = kc.optimizers.warmup_cosine(0.06, batch_size, len(pairs), epochs, 0)
    model.compile(kc.optimizers.SGD(schedule, momentum=0.9, weight_decay=5e-4))

    monitor = kc.callbacks.KNNMonitor(train, held_out, every=5)
    model.fit(pairs, epochs=epochs, callbacks=[monitor])

    # What the features are worth, on images that training never saw.
    bank, labels = kc.evaluation.extract_features(encoder, train)
    queries, answers = kc.evaluation.extract_features(encoder, held_out)
    knn = kc.evaluation.knn_accuracy(bank, labels, queries, answers)
    linear = kc.evaluation.linear_probe(bank, labels, queries, answers, c=0.1)
    print(f"kNN {knn:.1%}, linear probe {linear:.1%}")

    kc.export.export_encoder(model, out)
    print(f"kc.export.load_encoder({out!r}) gives it back as a layer that fine-tunes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", help="folder of tfds datasets")
    parser.add_argument("--download", action="store_true", help="fetch CIFAR-10")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--out", default="cifar10_encoder", help="folder to write")
    main(**vars(parser.parse_args()))
