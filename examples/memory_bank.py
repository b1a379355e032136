"""The memory bank alone: a vector an image, averaged over what was seen of it.

python examples/memory_bank.py

Every pass sees each digit under fresh noise and moves its entry a little. The entries
come nearer to the clean digits than any single look at them.
"""

import numpy as np

import keras_contrastive as kc


def main(passes=12, batch_size=64, noise=1.0, momentum=0.8):
    """Fills a bank, measures it, and draws negatives from it."""
    digits = kc.data.load("contrastive_digits", "train")
    clean = np.stack([x["image"] for x in digits.as_numpy_iterator()])
    clean = clean.reshape(len(clean), -1).astype("float32")
    clean = (clean - clean.mean(0)) / clean.std()
    unit = clean / np.linalg.norm(clean, axis=1, keepdims=True)

    rng = np.random.default_rng(0)
    size, dim = clean.shape
    bank = kc.memory.MemoryBank(size, dim, momentum=momentum, seed=0)
    for number in range(passes):
        for ids in np.array_split(rng.permutation(size), size // batch_size):
            noisy = clean[ids] + noise * rng.normal(size=(len(ids), dim))
            bank.update(ids, noisy.astype("float32"))
        similarity = (bank.lookup(np.arange(size)).numpy() * unit).sum(1).mean()
        if number == 0:
            print(f"cosine to the clean digit: {similarity:.2f} after one look,")
    print(f"{similarity:.2f} after {passes}; {bank.written.numpy().sum()} entries seen")

    # What a contrastive step reads: the batch's own entries, and others to repel.
    ids = np.arange(batch_size)
    positives = bank.lookup(ids)
    others, negatives = bank.sample(4096, exclude=ids, seed=[0, 0])
    print(f"{positives.shape[0]} positives, {negatives.shape[0]} negatives,", end=" ")
    print(f"{np.isin(others, ids).sum()} of them in the batch")
    return similarity


if __name__ == "__main__":
    main()
