"""SimCLR on a Cloud TPU: ResNet-50 on ImageNet, a large batch, bfloat16.

    python examples/tpu_simclr.py --tpu=local --data_dir=gs://BUCKET/tensorflow_datasets

On the TPU's own machine `--tpu=local`; from elsewhere its name or address. Without a
TPU it runs on what there is: `--strategy=auto --dataset=cifar10 --image_size=32
--encoder=convnet`.
"""

import argparse

import tensorflow as tf

import keras_contrastive as kc


def main(
    strategy="tpu",
    tpu=None,
    dataset="imagenet2012",
    data_dir=None,
    encoder="resnet50",
    image_size=224,
    batch_per_core=64,
    epochs=100,
    folder="runs/tpu_simclr",
):
    """Trains, or goes on with what is in the folder, and exports the trunk."""
    options = {"tpu": tpu, "bfloat16": True} if strategy == "tpu" else {}
    strategy = kc.distribute.strategy(strategy, **options)
    batch_size = batch_per_core * strategy.num_replicas_in_sync

    # The hosts decode and square the images, which go to the cores as bytes; the views
    # are made there, in the step that XLA compiles.
    images = kc.data.load(dataset, "train", data_dir)
    description = kc.data.describe(dataset, data_dir)
    side = image_size * 8 // 7
    if None in description.image_shape:

        def squared(element):
            image = tf.image.resize(element["image"], (side, side), antialias=True)
            return {**element, "image": tf.cast(tf.round(image), tf.uint8)}

        images = images.map(squared, num_parallel_calls=tf.data.AUTOTUNE)
    steps = int(images.cardinality()) // batch_size

    backup = kc.callbacks.Backup(folder)
    with strategy.scope():
        model = backup.load()
        if model is None:
            shape = (image_size, image_size, description.image_shape[-1])
            model = kc.models.SimCLR(
                kc.encoders.create(encoder, shape),
                kc.augment.simclr(image_size),
                block_size=1024,  # logits of a batch of thousands, in blocks
                seed=0,
            )
            rate = kc.optimizers.warmup_cosine(
                0.3, batch_size, steps, epochs, warmup_epochs=epochs / 10
            )
            # Ten steps a call: the host is asked a tenth as often.
            model.compile(kc.optimizers.LARS(rate), steps_per_execution=10)
    epoch, batch = divmod(model.steps_taken, steps)
    batches = kc.data.batches(
        images, batch_size, first_epoch=epoch, first_batch=batch, repeat=True
    )
    model.fit(
        batches,
        steps_per_epoch=steps,
        epochs=epochs,
        initial_epoch=epoch,
        initial_batch=batch,
        callbacks=[backup],
        verbose=2,
    )
    kc.export.export_encoder(model, f"{folder}/encoder-{epochs}")
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strategy", default="tpu")
    parser.add_argument("--tpu")
    parser.add_argument("--dataset", default="imagenet2012")
    parser.add_argument("--data_dir")
    parser.add_argument("--encoder", default="resnet50")
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--batch_per_core", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--folder", default="runs/tpu_simclr")
    main(**vars(parser.parse_args()))
