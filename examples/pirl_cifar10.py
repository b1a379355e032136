"""PIRL on CIFAR-10: an image and its jigsaw, against a memory of all other images.

python examples/pirl_cifar10.py --data_dir ~/tensorflow_datasets --download
"""

import argparse

import keras_contrastive as kc


def main(
    data_dir=None,
    download=False,
    transform="jigsaw",
    negatives=4096,
    epochs=15,
    batch_size=256,
    out="cifar10_pirl_encoder",
):
    """Pretrains, measures and exports."""
    # `load` numbers the images; the memory bank has one entry a number.
    train = kc.data.load("cifar10", "train[:90%]", data_dir, download)
    held_out = kc.data.load("cifar10", "train[90%:]", data_dir, download)
    batches = kc.data.batches(train, batch_size)

    # One trunk for images of 32 px and patches of 8 px.
    encoder = kc.encoders.create("convnet", (32, 32, 3))
    model = kc.models.PIRL(
        encoder,
        dataset_size=len(train),
        augment=kc.augment.pirl(image_size=32),
        transform=transform,
        negatives=negatives,
        # Higher than the paper's 0.07, with which few epochs learn little.
        temperature=0.2,
    )
    schedule = kc.optimizers.warmup_cosine(0.06, batch_size, len(batches), epochs, 0)
    model.compile(kc.optimizers.SGD(schedule, momentum=0.9, weight_decay=5e-4))

    monitor = kc.callbacks.KNNMonitor(train, held_out, every=5)
    model.fit(batches, epochs=epochs, callbacks=[monitor])

    # What the features are worth, on images that training never saw.
    bank, labels = kc.evaluation.extract_features(encoder, train)
    queries, answers = kc.evaluation.extract_features(encoder, held_out)
    knn = kc.evaluation.knn_accuracy(bank, labels, queries, answers)
    print(f"kNN {knn:.1%} after {epochs} epochs with the {transform}")

    kc.export.export_encoder(model, out)
    print(f"kc.export.load_encoder({out!r}) gives it back as a layer that fine-tunes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", help="folder of tfds datasets")
    parser.add_argument("--download", action="store_true", help="fetch CIFAR-10")
    parser.add_argument("--transform", default="jigsaw", help="or rotation")
    parser.add_argument("--negatives", type=int, default=4096, help="drawn each step")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--out", default="cifar10_pirl_encoder", help="folder to write")
    main(**vars(parser.parse_args()))
