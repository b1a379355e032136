"""A classifier as a SavedModel: TensorFlow alone serves it, and it knows its names."""

import os
from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_contrastive.export.folder import new_folder


def export_classifier(
    model: keras.Model,
    path: str | os.PathLike,
    class_names: Sequence[str],
    from_logits: bool = True,
) -> None:
    """Writes a classifier as a SavedModel that takes images as a camera gives them.

    Three endpoints, all in inference mode:

    - `serve`: uint8 images `(batch, height, width, channels)` of any one size to
      probabilities `(batch, classes)` float32.
    - `serve_one`: one uint8 image `(height, width, channels)` to `(classes,)`.
    - `class_names`: nothing to the classes' names `(classes,)`, strings.

    Tensors of another type are refused; NumPy's floats TensorFlow rounds to uint8, in
    silence. Images are divided by 255 and resized to what the model takes (bilinear,
    antialiased), as fine-tuning does. With TensorFlow alone:

        classifier = tf.saved_model.load("finetuned/classifier")
        names = classifier.class_names()
        print(names[tf.argmax(classifier.serve_one(image))])

    Args:
        model: A built Keras model from float images in [0, 1],
            `(batch, height, width, channels)`, to logits `(batch, classes)`.
        path: Folder to write; made with its parents.
        class_names: One name a class, in the order of the logits.
        from_logits: Whether the model gives logits; False if it gives probabilities.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If it is not built with one input of a fixed size, or the number
            of names is another than that of its outputs.
        FileExistsError: If the folder is there and not empty; nothing is overwritten.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            "`model` must be a Keras model from images to logits. "
            f"Received: {type(model).__name__}"
        )
    shape = model.input_shape if model.built else None
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise ValueError(
            "`model` must be built with one input of images of a fixed size. "
            f"Received: input shape {shape}"
        )
    names = [str(name) for name in class_names]
    if (len(names),) != model.output_shape[1:]:
        raise ValueError(
            "`class_names` must hold one name for each of the model's outputs, of "
            f"shape {model.output_shape}. Received: {len(names)} names"
        )
    path = new_folder(path)
    side, channels = shape[1:3], shape[3]

    def resized(images):
        return tf.image.resize(images, side, method="bilinear", antialias=True)

    def serve(images):
        images = tf.cast(images, tf.float32) * (1 / 255)
        fits = tf.reduce_all(tf.equal(tf.shape(images)[1:3], side))
        images = tf.cond(fits, lambda: images, lambda: resized(images))
        outputs = model(tf.ensure_shape(images, shape), training=False)
        outputs = tf.cast(outputs, tf.float32)
        return tf.nn.softmax(outputs) if from_logits else outputs

    def serve_one(image):
        return serve(image[None])[0]

    @tf.function
    def named():
        return tf.constant(names)

    named()  # an endpoint without inputs is told by its trace
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, function, rank in (("serve", serve, 4), ("serve_one", serve_one, 3)):
        images = tf.TensorSpec([None] * (rank - 1) + [channels], tf.uint8, "images")
        archive.add_endpoint(name, function, input_signature=[images])
    archive.add_endpoint("class_names", named)
    archive.write_out(str(path), verbose=False)
