"""The flags of a pretraining run, in the groups of its help."""

from absl import flags

from keras_contrastive import encoders
from keras_contrastive.cli import arguments, images, recipes
from keras_contrastive.cli.energies import options as energy_options
from keras_contrastive.cli.energies import settings as energies
from keras_contrastive.cli.energies.methods import ENERGY_METHODS
from keras_contrastive.cli.methods import METHODS
from keras_contrastive.cli.policies import POLICIES
from keras_contrastive.cli.recipes import RECIPES
from keras_contrastive.data.toys import TOYS
from keras_contrastive.distribute import NAMES as STRATEGIES

OPTIMIZERS = ("sgd", "lars", "adam")
SCHEDULES = ("cosine", "steps", "constant")
PLACES = ("pipeline", "device")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
HEADINGS = {
    "method": "WHAT IS TRAINED",
    "dataset": "ON WHICH IMAGES",
    "encoder": "NET AND VIEWS [by default the recipe's]",
    "epochs": "TRAINING [by default the recipe's]",
    arguments.NAMES[0]: (
        "THE METHOD'S OWN [who takes it, with the paper's value; by default the "
        "recipe's]"
    ),
    energy_options.FIRST: (
        "ENERGIES [for the methods that train one; by default what suits the dataset]"
    ),
    "seed": "HOW IT RUNS",
}


def define(values: flags.FlagValues) -> None:
    """Defines the flags; None leaves a value to the recipe."""

    def text(name, default, words):
        flags.DEFINE_string(name, default, words, flag_values=values)

    def choice(name, default, choices, words):
        flags.DEFINE_enum(name, default, choices, words, flag_values=values)

    def whole(name, default, least, words):
        flags.DEFINE_integer(name, default, words, least, flag_values=values)

    def number(name, least, words):
        flags.DEFINE_float(name, None, words, least, flag_values=values)

    def switch(name, default, words):
        flags.DEFINE_boolean(name, default, words, flag_values=values)

    choice(
        "method",
        "simclr",
        tuple(METHODS | ENERGY_METHODS),
        "How it learns; what each method does stands at the end.",
    )
    choice(
        "recipe",
        None,
        tuple(RECIPES),
        "A name from the end of this help. It sets the method, the dataset, the net, "
        "the views, the training and the method's own; a flag beside it wins. Without "
        "one: the method's recipe for images of this size, with at most "
        f"{recipes.MOST_IMAGES} images a step and {recipes.MOST_EPOCHS} epochs.",
    )
    text(
        "dataset",
        "contrastive_digits",
        "Name of a tfds dataset; contrastive_digits needs no download. For energies "
        f"also a toy in the plane: {', '.join(energies.TOY + x for x in TOYS)}.",
    )
    text(
        "data_dir",
        None,
        "Folder of tfds datasets; by default tfds's own, ~/tensorflow_datasets.",
    )
    switch("download", False, "Whether a missing dataset may be downloaded.")
    text(
        "train_split",
        None,
        "Split to train on, such as unlabelled or train[:50%]; by default train.",
    )
    images.define(values)
    choice("encoder", None, encoders.NAMES, "The trunk.")
    whole("image_size", None, 8, "Side of the views in pixels.")
    choice("augmentation", None, tuple(POLICIES), "How views are made.")
    choice(
        "augment_on",
        None,
        PLACES,
        "Where: in the input pipeline, or in the training step on the device, where "
        "pirl cuts its jigsaw from the image itself and not from a second view.",
    )
    whole("epochs", None, 1, "Passes over the images.")
    whole("batch_size", None, 2, "Images a step, over all replicas.")
    whole("global_batch_size", None, 2, "The same as --batch_size.")
    choice("optimizer", None, OPTIMIZERS, "sgd and lars have momentum 0.9.")
    number(
        "learning_rate",
        0,
        "Peak, for a batch of 256 (sgd and lars scale it with the batch).",
    )
    number("weight_decay", 0, "Of sgd and lars, inside the gradient.")
    choice(
        "schedule",
        None,
        SCHEDULES,
        "How the learning rate falls: along a cosine to 0, to a tenth after 60% and "
        "again after 80% of the epochs, or not at all.",
    )
    number(
        "warmup_epochs",
        0,
        "Epochs in which the learning rate rises, of the cosine; by default the "
        "recipe's share of all.",
    )
    arguments.define(values)
    energy_options.define(values)
    whole("seed", 0, 0, "Fixes the weights, the order of the images and the views.")
    choice(
        "strategy",
        "auto",
        STRATEGIES,
        "Where it runs; auto takes what is there. Under multiworker the same command "
        "runs on each worker, as TF_CONFIG or SLURM's srun tells them apart.",
    )
    text(
        "tpu",
        None,
        "Name or address of a TPU, or local for this machine's; stands for "
        "--strategy=tpu.",
    )
    choice("mixed_precision", "float32", PRECISIONS, "Keras's dtype policy.")
    switch("jit_compile", False, "Whether XLA compiles the training step.")
    whole(
        "steps_per_execution",
        1,
        1,
        "Steps that the device makes before it hears from the host again: for steps "
        "that are shorter than the word between them.",
    )
    whole(
        "checkpoint_every",
        None,
        1,
        "Epochs between two backups; by default 1, or more where that would take more "
        "than 2% of the time.",
    )
    whole(
        "knn_every",
        None,
        1,
        "Epochs between measurements of kNN accuracy, of how images lie apart and of "
        "how views of one lie together.",
    )
    switch(
        "tensorboard",
        False,
        "Whether curves and views are written for TensorBoard, too, into the run's "
        'folder (pip install ".[tensorboard]").',
    )


def closing() -> str:
    """Returns what stands at the end of the help: the methods and the recipes."""
    methods = [f"  {name:8} {x.summary}" for name, x in METHODS.items()]
    of_energy = [f"  {name:17} {x.summary}" for name, x in ENERGY_METHODS.items()]
    lines = ["METHODS THAT TRAIN AN ENCODER", "", *methods, ""]
    lines += ["METHODS THAT TRAIN AN ENERGY", "", *of_energy, ""]
    return "\n".join([*lines, "RECIPES", "", recipes.table()])
