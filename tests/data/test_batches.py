import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_contrastive.data import batches

WHOLE, BUFFERED = 2**31, 0
both = pytest.mark.parametrize("cache_bytes", [WHOLE, BUFFERED])


def ids(dataset):
    """The ids of one pass, batch by batch."""
    return [batch["id"].numpy().tolist() for batch in dataset]


def flat(rows):
    return [i for row in rows for i in row]


@both
def test_a_pass_holds_every_image_once_with_its_own_label(numbered, cache_bytes):
    seen = []
    for batch in batches(numbered(60), 20, cache_bytes=cache_bytes):
        assert batch["image"].shape == (20, 2, 2, 1)
        assert batch["image"].dtype == tf.uint8
        np.testing.assert_array_equal(batch["image"][:, 0, 0, 0], batch["id"])
        np.testing.assert_array_equal(batch["label"], batch["id"] * 10)
        seen += batch["id"].numpy().tolist()
    assert seen != sorted(seen)
    assert sorted(seen) == list(range(60))


@both
def test_epochs_differ_and_repeat_with_the_seed(numbered, cache_bytes):
    def three(seed):
        dataset = batches(numbered(64), 16, seed=seed, cache_bytes=cache_bytes)
        return [ids(dataset) for _ in range(3)]

    first, again, other = three(5), three(5), three(6)
    assert first == again
    assert first[0] != first[1] != first[2] != first[0]
    # Not one order, cut into epochs or turned about by the seed.
    assert not {tuple(x) for x in first[0]} & {tuple(x) for x in first[1]}
    assert first != other
    assert other[0] not in first


@both
def test_a_resumed_run_sees_what_the_uninterrupted_one_sees(numbered, cache_bytes):
    whole = batches(numbered(64), 16, seed=1, cache_bytes=cache_bytes)
    passes = [ids(whole) for _ in range(4)]
    resumed = batches(numbered(64), 16, seed=1, first_epoch=2, cache_bytes=cache_bytes)
    assert [ids(resumed), ids(resumed)] == passes[2:]


@both
def test_repeat_moves_on_to_the_next_epoch(numbered, cache_bytes):
    dataset = batches(numbered(32), 16, cache_bytes=cache_bytes)
    passes = ids(dataset) + ids(dataset)
    again = batches(numbered(32), 16, cache_bytes=cache_bytes).repeat(2)
    assert ids(again) == passes


@both
@pytest.mark.parametrize("first_epoch", [0, 2])
def test_one_endless_pass_goes_through_all_epochs(numbered, cache_bytes, first_epoch):
    options = {"cache_bytes": cache_bytes, "first_epoch": first_epoch}
    single = batches(numbered(32), 16, **options)
    endless = batches(numbered(32), 16, repeat=True, **options)
    assert int(endless.cardinality()) == tf.data.INFINITE_CARDINALITY
    assert ids(endless.take(6)) == ids(single) + ids(single) + ids(single)
    # Another iterator begins anew: what it has seen is not the dataset's to know.
    again = batches(numbered(32), 16, **options)
    assert ids(endless.take(2)) == ids(again)


@both
def test_a_pass_that_is_broken_off_counts_and_harms_nothing(numbered, cache_bytes):
    whole = batches(numbered(64), 16, cache_bytes=cache_bytes)
    passes = [ids(whole) for _ in range(3)]
    broken = batches(numbered(64), 16, cache_bytes=cache_bytes)
    assert next(iter(broken))["id"].numpy().tolist() == passes[0][0]
    assert ids(broken) == passes[1]
    assert ids(broken) == passes[2]


@both
def test_order_ignores_the_global_seed(numbered, cache_bytes):
    def first_pass(global_seed):
        keras.utils.set_random_seed(global_seed)
        return ids(batches(numbered(64), 16, cache_bytes=cache_bytes))

    assert first_pass(1) == first_pass(2)


@pytest.mark.parametrize(("cache_bytes", "decodings"), [(WHOLE, 64), (BUFFERED, 192)])
def test_images_are_decoded_once_where_they_fit(numbered, cache_bytes, decodings):
    decoded = tf.Variable(0)

    def decode(element):
        with tf.control_dependencies([decoded.assign_add(1)]):
            return tf.nest.map_structure(tf.identity, element)

    dataset = batches(numbered(64).map(decode), 16, cache_bytes=cache_bytes)
    assert int(decoded) == 0  # nothing is read before the first pass
    for _ in range(2):
        ids(dataset)
    for batch in dataset:
        assert len(batch["id"]) == 16
    assert int(decoded) == decodings


def test_a_pass_broken_off_in_its_first_step_fills_the_cache(numbered):
    decoded = tf.Variable(0)

    def decode(element):
        with tf.control_dependencies([decoded.assign_add(1)]):
            return tf.nest.map_structure(tf.identity, element)

    dataset = batches(numbered(64).map(decode), 16)
    for _ in range(3):
        next(iter(dataset))
    assert int(decoded) == 64


def test_the_budget_is_in_bytes_of_decoded_images(numbered, monkeypatch):
    """64 images of 4 bytes: 256 bytes hold them, 255 do not."""
    whole = ids(batches(numbered(64), 16, cache_bytes=256))
    assert whole == ids(batches(numbered(64), 16, cache_bytes=WHOLE))
    assert whole != ids(batches(numbered(64), 16, cache_bytes=255))


def test_whole_set_is_shuffled_far_and_a_buffer_within_its_size(numbered):
    whole = flat(ids(batches(numbered(200), 2)))
    assert np.mean(np.abs(np.array(whole) - np.arange(200))) > 40
    # Budget for no image at all: the buffer then holds ten batches of two.
    near = np.array(flat(ids(batches(numbered(200), 2, cache_bytes=0))))
    assert np.all(near - np.arange(200) < 20)
    assert np.mean(np.abs(near - np.arange(200))) > 5


@both
@pytest.mark.parametrize("drop", [True, False])
def test_short_last_batch(numbered, cache_bytes, drop):
    dataset = batches(numbered(50), 16, cache_bytes=cache_bytes, drop_remainder=drop)
    sizes = [len(row) for row in ids(dataset)]
    assert sizes == ([16, 16, 16] if drop else [16, 16, 16, 2])
    assert int(dataset.cardinality()) == len(sizes)
    assert dataset.element_spec["image"].shape[0] == (16 if drop else None)


def test_only_numbers_come_through(numbered):
    dataset = numbered(8, text="x", extra=3).map(lambda x: {**x, "id": "a string"})
    assert set(batches(dataset, 4).element_spec) == {"image", "label"}


def replicas(strategy, dataset):
    """Ids of each global batch, put together from the replicas' parts."""
    for batch in strategy.experimental_distribute_dataset(dataset):
        parts = strategy.experimental_local_results(batch["id"])
        yield [part.numpy().tolist() for part in parts]


@both
def test_replicas_share_the_global_batch(numbered, two_devices, cache_bytes):
    plain = batches(numbered(48), 16, cache_bytes=cache_bytes)
    with two_devices.scope():
        shared = batches(numbered(48), 16, cache_bytes=cache_bytes)
    for _ in range(2):
        parts = list(replicas(two_devices, shared))
        assert all([len(x) for x in part] == [8, 8] for part in parts)
        assert [flat(part) for part in parts] == ids(plain)


@both
def test_workers_share_out_batches_and_not_files(numbered, cache_bytes):
    options = batches(numbered(48), 16, cache_bytes=cache_bytes).options()
    sharing = options.experimental_distribute.auto_shard_policy
    assert sharing == tf.data.experimental.AutoShardPolicy.DATA
    assert options.deterministic


@both
def test_fit_takes_one_pass_an_epoch(numbered, two_devices, cache_bytes):
    seen = []

    class Recorder(keras.Model):
        def train_step(self, batch):
            seen.append(tf.reshape(batch["id"], [-1]).numpy().tolist())
            return {"loss": tf.constant(0.0)}

    model = Recorder()
    model.built = True
    model.compile(run_eagerly=True)
    model.fit(
        batches(numbered(48), 16, cache_bytes=cache_bytes),
        epochs=3,
        verbose=0,
        shuffle=False,
    )
    plain = batches(numbered(48), 16, cache_bytes=cache_bytes)
    assert seen == ids(plain) + ids(plain) + ids(plain)


@pytest.mark.parametrize("size", [1, 0, -4, 9])
def test_batch_size_out_of_range(numbered, size):
    with pytest.raises(ValueError, match=f"`batch_size`.*Received: batch_size={size}"):
        batches(numbered(8), size)


@pytest.mark.parametrize("size", [2.0, "4", None, True])
def test_batch_size_that_is_no_integer(numbered, size):
    with pytest.raises(TypeError, match=r"`batch_size`.*Received:"):
        batches(numbered(8), size)


def test_numpy_integers_are_integers(numbered):
    assert len(batches(numbered(8), np.int64(4), seed=np.int32(3))) == 2


@pytest.mark.parametrize("name", ["first_epoch", "cache_bytes"])
def test_negative_numbers(numbered, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received: {name}=-1"):
        batches(numbered(8), 4, **{name: -1})


def test_seed_beyond_64_bits(numbered):
    with pytest.raises(ValueError, match=r"`seed`.*Received:"):
        batches(numbered(8), 4, seed=2**63)
    assert len(batches(numbered(8), 4, seed=-(2**63))) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.take(0), "at least one image"),
        (lambda x: x.repeat(), "infinite cardinality"),
        (lambda x: x.filter(lambda y: True), "unknown cardinality"),
        (lambda x: x.batch(2), r"neither batched before.*\(None, 2, 2, 1\)"),
        (lambda x: x.batch(2, drop_remainder=True), "neither batched before"),
        (lambda x: x.map(lambda y: {"label": y["label"]}), "key 'image'"),
        (lambda x: x.map(lambda y: (y["image"], y["label"])), "key 'image'"),
    ],
)
def test_unfit_datasets(numbered, change, message):
    with pytest.raises(ValueError, match=rf"`dataset`.*{message}"):
        batches(change(numbered(8)), 4)


def test_what_is_no_dataset():
    with pytest.raises(TypeError, match=r"`dataset`.*Received: ndarray"):
        batches(np.zeros((8, 2, 2, 1), np.uint8), 4)
