import dataclasses
import json

from keras_contrastive.cli.card import card
from tests.cli.resolved import settings


def test_a_card_does_not_say_where_things_lay():
    own = dataclasses.replace(
        settings("--data_dir=/home/me/tfds"),
        dataset="folder/photos",
        image_dir="/home/me/my photos",
        image_labels=False,
    )
    about = card(own, "train", "test", None)
    assert "/home/me" not in json.dumps(about)
    assert "'--image_dir=my photos'" in about["command"]
    assert "--noimage_labels" in about["command"]
    assert "--dataset" not in about["command"]
    assert about["accuracy"] is None
    assert about["settings"]["image_dir"] == "my photos"
    assert about["data"] == "folder/photos train, without labels"


def test_a_card_says_whether_labels_were_seen():
    about = card(settings("--method=supcon"), "train", "test", None)
    assert about["data"] == "contrastive_digits train, with labels"
