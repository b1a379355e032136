"""What a step costs on 256 TPU cores and on 64 GPUs, by arithmetic.

    python examples/benchmarks/scaling_model.py

ResNet-50 on images of 224 pixels, embeddings of 128 numbers in float32. Nothing of this
was measured: the bytes follow from which tensors a step sends, and the times from the
round numbers of `LINKS`.
"""

DIM, QUEUE, NEGATIVES = 128, 65_536, 4096
# Of `keras_contrastive.losses.memory_log_odds`, which this page does not import.
BLOCK = 4096
IMAGENET = 1_281_167
METHODS = ("SimCLR", "MoCo", "MoCo v3", "NNCLR", "PIRL")
# Of ResNet-50: weights, and channels and layers of its batch norms.
WEIGHTS, CHANNELS, NORMS = 25.6e6, 26_560, 53
IMAGE = 224 * 224 * 3 * 4


def predicted(method, replicas, batch, chip="gpu"):
    """Returns bytes a step and a replica: gradients, gathers, memory of logits, state.

    A ring moves (R - 1) / R of what it gathers and twice that of what it sums; a gather
    is a sum of zeros on a TPU, and its gradient a sum on both.

    Args:
        method: One of `METHODS`.
        replicas: R.
        batch: Images over all of them.
        chip: "gpu" or "tpu".
    """
    ring = (replicas - 1) / replicas
    own, row = batch / replicas, DIM * 4
    forward = ring * (2 if chip == "tpu" else 1)
    both = forward + 2 * ring
    # Rows that are gathered with a gradient, and without; candidates of an anchor.
    with_gradient, without, anchors, candidates, state = {
        "SimCLR": (2, 0, 2, 2 * batch, 0),
        # It compares a block of the queue at a time.
        "MoCo": (0, 2, 1, BLOCK, QUEUE * row),
        "MoCo v3": (0, 3, 2, batch, 0),
        "NNCLR": (2, 2, 2, batch, 98_304 * row),
        "PIRL": (0, 1, 2, NEGATIVES, IMAGENET * row),
    }[method]
    gathered = batch * row * (with_gradient * both + without * forward)
    sums = 2 * ring * 4 * (WEIGHTS + 2 * 2 * CHANNELS)
    # Logits, their softmax and its gradient.
    logits = 3 * 4 * anchors * own * candidates
    return {"sums": sums, "gathers": gathered, "logits": logits, "state": state}


# Bytes a second that a replica sends, and seconds that a collective takes to begin.
LINKS = {"tpu": (70e9, 5e-6), "gpu": (25e9, 20e-6)}


def predict():
    """Prints the prediction for 256 TPU cores and 64 GPUs."""
    print("| method | on | batch | sums, MB | gathers, MB | link, ms | logits, MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for method in METHODS:
        for chip, replicas in (("tpu", 256), ("gpu", 64)):
            speed, latency = LINKS[chip]
            for batch in (8_192, 65_536):
                cost = predicted(method, replicas, batch, chip)
                # Most begin for batch norm: two forward and one back, a layer.
                begun = latency * (3 * NORMS + 10)
                link = 1e3 * ((cost["sums"] + cost["gathers"]) / speed + begun)
                print(
                    f"| {method} | {replicas} {chip.upper()} | {batch:,} "
                    f"| {cost['sums'] / 1e6:.0f} | {cost['gathers'] / 1e6:.1f} "
                    f"| {link:.1f} | {cost['logits'] / 1e6:.0f} |"
                )
    shuffled = 65_536 * IMAGE * 63 / 64
    print(f"MoCo's shuffled images at batch 65,536: {shuffled / 1e9:.1f} GB a replica")
    whole = 14_000_000 * DIM * 4
    print(f"bank of 14 million: {whole / 1e9:.2f} GB; a 256th: {whole / 256e6:.0f} MB")


if __name__ == "__main__":
    predict()
