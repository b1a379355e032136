"""MoCo v2 on CIFAR-10: a queue of keys in the place of a large batch.

python examples/moco_cifar10.py --data_dir ~/tensorflow_datasets --download
"""

import argparse

import keras_contrastive as kc


def main(
    data_dir=None,
    download=False,
    epochs=10,
    batch_size=256,
    queue_size=4096,
    out="cifar10_moco_encoder",
):
    """Pretrains, measures and exports."""
    train = kc.data.load("cifar10", "train[:90%]", data_dir, download)
    held_out = kc.data.load("cifar10", "train[90%:]", data_dir, download)

    # Images as they are: this model makes its views on the device. (Blur is for
    # larger images.)
    batches = kc.data.batches(train, batch_size)
    policy = kc.augment.simclr(image_size=32, strength=0.5, blur=False)

    # The queue stays shorter than an epoch, so that no image meets its own old key.
    encoder = kc.encoders.create("convnet", (32, 32, 3))
    model = kc.models.MoCo(
        encoder, policy, queue_size=queue_size, momentum=0.99, temperature=0.2
    )
    schedule = kc.optimizers.warmup_cosine(0.06, batch_size, len(batches), epochs, 0)
    model.compile(kc.optimizers.SGD(schedule, momentum=0.9, weight_decay=5e-4))
    model.fit(batches, epochs=epochs)

    # What the features are worth, on images that training never saw.
    bank, labels = kc.evaluation.extract_features(encoder, train)
    queries, answers = kc.evaluation.extract_features(encoder, held_out)
    knn = kc.evaluation.knn_accuracy(bank, labels, queries, answers)
    print(f"kNN {knn:.1%}, with {int(model.queue.filled):,} keys in the queue")

    kc.export.export_encoder(model, out)
    print(f"kc.export.load_encoder({out!r}) gives it back as a layer that fine-tunes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", help="folder of tfds datasets")
    parser.add_argument("--download", action="store_true", help="fetch CIFAR-10")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--queue_size", type=int, default=4096)
    parser.add_argument("--out", default="cifar10_moco_encoder")
    main(**vars(parser.parse_args()))
