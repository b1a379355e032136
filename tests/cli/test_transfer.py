import numpy as np

import keras_contrastive as kc
from keras_contrastive.cli import images
from keras_contrastive.cli.main import main
from tests.cli.test_image_dir import sorts
from tests.data.picture_files import written


def test_a_run_is_measured_on_another_folder(finished, data, tmp_path, capsys):
    images._opened.cache_clear()
    album = written(tmp_path / "album", sorts(40))
    arguments = [f"--run={finished}", f"--image_dir={album}"]
    assert main(["evaluate", *arguments, "--labels_per_class=1,all"]) == 0
    out = capsys.readouterr().out
    assert f"Transfer from contrastive_digits to {album}: trunk frozen" in out
    assert "encoder of contrastive_digits" in out
    assert "raw pixels" in out


def test_a_trunk_of_colour_is_measured_on_grey_digits(data, tmp_path, capsys):
    encoder = kc.encoders.create("convnet", (32, 32, 3))
    kc.export.export_encoder(encoder, tmp_path / "rgb")
    arguments = [f"--encoder_dir={tmp_path / 'rgb'}", "--dataset=contrastive_digits"]
    arguments += ["--labels_per_class=all", "--draws=1", "--images=300"]
    assert main(["evaluate", *arguments]) == 0
    out = capsys.readouterr().out
    assert "an exported encoder to contrastive_digits" in out
    assert "images resized to 32 x 32, grey as three channels" in out
    train, test = (
        kc.data.load("contrastive_digits", x).take(300) for x in ("train", "test")
    )
    trunk = kc.export.load_encoder(tmp_path / "rgb")
    result = kc.evaluation.transfer(trunk, train, test, "a", "b", k=20)
    row = next(x for x in out.splitlines() if x.startswith("encoder of"))
    knn, linear = (float(x) for x in row.split()[-2:])
    accuracy = result.efficiency[0]
    np.testing.assert_allclose(
        [knn, linear], [100 * accuracy.knn_mean, 100 * accuracy.linear_mean], atol=0.06
    )
