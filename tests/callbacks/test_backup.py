"""A run that was cut off ends as one that was not; what was saved stays whole."""

import errno
import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_contrastive as kc
from keras_contrastive._files import replaced
from tests.contracts import zoo
from tests.contracts.test_models import assert_same, make, state

STEPS, EPOCHS = 4, 3


class Signal(keras.callbacks.Callback):
    """Sends SIGTERM to this process in a step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_begin(self, batch, logs=None):
        if self.model.steps_taken == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


def run(name, folder, *callbacks, every=None, **compiled):
    """Begins a run, or goes on with it; returns model and history."""
    backup = kc.callbacks.Backup(folder, every)
    model = backup.load() or make(name, **compiled)
    epoch, batch = divmod(model.steps_taken, STEPS)
    data = zoo.dataset(name).repeat().skip(model.steps_taken)
    history = model.fit(
        data,
        steps_per_epoch=STEPS,
        epochs=EPOCHS,
        initial_epoch=epoch,
        initial_batch=batch,
        callbacks=[*callbacks, backup],
        verbose=0,
    )
    return model, history.history


@pytest.mark.parametrize(("name", "per_call"), [("MoCo", 1), ("PIRL on views", 3)])
def test_sigterm_saves_within_an_epoch_and_the_run_goes_on(name, per_call, tmp_path):
    compiled = {"steps_per_execution": per_call}
    whole, history = run(name, tmp_path / "whole", **compiled)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        run(name, tmp_path / "cut", Signal(4), **compiled)
    assert stopped.value.code == 143
    signal.signal(signal.SIGTERM, before)
    saved = kc.callbacks.Backup(tmp_path / "cut").load()
    assert saved.steps_taken == 4 + per_call
    resumed, later = run(name, tmp_path / "cut")
    assert signal.getsignal(signal.SIGTERM) == before
    assert_same(state(whole), state(resumed), 0)
    # The epoch that was cut in two reports the mean over all of it.
    for key, values in history.items():
        assert later[key] == values[1:], key


def test_sigterm_in_an_epoch_s_last_step_waits_for_its_end(tmp_path):
    ended = []
    log = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, _: ended.append(epoch)
    )
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        run("SimCLR", tmp_path, log, Signal(2 * STEPS - 1))
    signal.signal(signal.SIGTERM, before)
    assert kc.callbacks.Backup(tmp_path).load().steps_taken == 2 * STEPS
    run("SimCLR", tmp_path, log)
    assert ended == [0, 1, 2]


def test_after_an_error_sigterm_is_somebody_else_s_again(tmp_path):
    class Broken(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("broken")

    caught = []
    before = signal.signal(signal.SIGTERM, lambda *_: caught.append(1))
    try:
        with pytest.raises(RuntimeError, match="broken"):
            run("SimCLR", tmp_path, Broken())
        os.kill(os.getpid(), signal.SIGTERM)
        assert caught == [1]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_torn_file_is_passed_over_for_the_one_before(tmp_path):
    whole, _ = run("SimCLR", tmp_path / "whole")
    run("SimCLR", tmp_path, every=1)
    backup = kc.callbacks.Backup(tmp_path)
    content = backup.path.read_bytes()
    for torn in (content[: len(content) // 2], b""):
        backup.path.write_bytes(torn)
        assert backup.load().steps_taken == (EPOCHS - 1) * STEPS
        resumed, _ = run("SimCLR", tmp_path, every=1)
        assert_same(state(whole), state(resumed), 0)
    backup.path.unlink()
    assert backup.load().steps_taken == (EPOCHS - 1) * STEPS
    backup.previous.write_bytes(b"")
    with pytest.raises(OSError, match=r"(?s)can be read.*Received: .*previous.keras"):
        backup.load()


def test_a_full_disk_is_named_and_leaves_the_last_backup(tmp_path, monkeypatch):
    run("SimCLR", tmp_path)
    backup = kc.callbacks.Backup(tmp_path)
    before = backup.path.read_bytes()
    model = backup.load()
    backup.set_model(model)

    def full(model, path):
        path.write_bytes(before[:1000])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(keras.saving, "save_model", full)
        words = r"could not be written, what it held before is whole.*No space left"
        with pytest.raises(OSError, match=words):
            backup.save()
    assert backup.path.read_bytes() == before
    assert sorted(x.name for x in tmp_path.iterdir()) == [
        "checkpoint.keras",
        "previous.keras",
    ]


def test_every_save_of_a_model_is_in_one_stroke(tmp_path):
    model = make("SimCLR")

    def broken(file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    for save, name in ((model.save, "a.keras"), (model.save_weights, "a.weights.h5")):
        path = tmp_path / name
        path.write_bytes(b"before")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", broken)
            with pytest.raises(OSError, match="is whole"):
                save(path)
        assert path.read_bytes() == b"before"
        save(path)
        assert path.read_bytes() != b"before"
    assert {x.name for x in tmp_path.iterdir()} == {"a.keras", "a.weights.h5"}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with (
        pytest.raises(OSError, match=r"could not be written, nothing is there"),
        replaced(tmp_path / "missing" / "x") as fresh,
    ):
        fresh.write_bytes(b"")


def test_short_epochs_are_not_all_saved(tmp_path):
    saves = []

    class Counted(kc.callbacks.Backup):
        def save(self):
            super().save()
            self._cost = 1e6
            saves.append(self.model.steps_taken)

    model = make("SimCLR")
    data = zoo.dataset("SimCLR")
    model.fit(data, epochs=4, callbacks=[Counted(tmp_path)], verbose=0)
    # The first, whose price is not known yet, and the last.
    assert saves == [4, 16]
    model = make("SimCLR")
    model.fit(data, epochs=5, callbacks=[Counted(tmp_path, every=2)], verbose=0)
    assert saves[2:] == [8, 16, 20]


def test_other_models_and_numbers_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"`Backup`.*Received: Sequential"):
        kc.callbacks.Backup(tmp_path).set_model(keras.Sequential())
    with pytest.raises(ValueError, match=r"`every`.*Received: 0"):
        kc.callbacks.Backup(tmp_path, every=0)
    with pytest.raises(ValueError, match=r"`initial_batch`.*Received: -1"):
        make("SimCLR").fit(zoo.dataset("SimCLR"), initial_batch=-1)


def test_data_begin_within_an_epoch():
    images = np.arange(64 * 2).reshape(64, 2, 1, 1)
    data = tf.data.Dataset.from_tensor_slices({"image": images})
    for cache in (2**31, 0):
        options = {"repeat": True, "cache_bytes": cache}
        whole = kc.data.batches(data, 16, **options).take(8)
        part = kc.data.batches(data, 16, first_epoch=1, first_batch=1, **options)
        ours, theirs = (
            np.stack([x["image"] for x in batches])
            for batches in (part.take(3), whole.skip(5))
        )
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match=r"`first_batch`.*Received: 1"):
        kc.data.batches(data, 16, first_batch=1)
