from keras_contrastive.cli.splits import choose
from keras_contrastive.data.load import Description


def description(name, *splits):
    return Description(name, (32, 32, 3), 10, (), dict.fromkeys(splits, 100))


def test_what_learns_from_labels_is_watched_on_images_that_it_does_not_see():
    cifar = description("cifar10", "train", "test")
    assert choose(cifar).train == "train"
    watched = choose(cifar, labels=True)
    assert (watched.train, watched.queries) == ("train[:90%]", "train[90%:]")
    # As the user says, whatever it is watched on.
    assert choose(cifar, "train", labels=True).train == "train"
    digits = description("contrastive_digits", "train", "validation", "test")
    assert choose(digits, labels=True) == choose(digits)


def test_imagenet_is_tested_on_its_validation_images():
    splits = choose(description("imagenet2012", "train", "validation", "test"))
    assert splits.test == "validation"
    assert (splits.bank, splits.queries) == ("train[:90%]", "train[90%:]")
    other = choose(description("other", "train", "validation", "test"))
    assert (other.queries, other.test) == ("validation", "test")
