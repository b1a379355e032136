"""The linear probes on the same CIFAR-10 features, beside converged regressions.

The trunk is one that methods_cifar10.py kept, or untrained. Features are of the first
45,000 training images; accuracy is on the other 5,000, so that no test image is read.
"Converged" is scikit-learn's own pipeline in float64, its tolerance a thousandth of
the default one.

    python examples/benchmarks/linear_probes.py --data_dir DIR --trunk FILE
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import methods_cifar10
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import keras_contrastive as kc


def converged(train, labels, test, expected, c):
    """Returns the accuracy of scikit-learn's solution."""
    regression = LogisticRegression(C=c, tol=1e-7, max_iter=100_000)
    pipeline = make_pipeline(StandardScaler(), regression)
    pipeline.fit(train.astype(np.float64), labels)
    return pipeline.score(test.astype(np.float64), expected)


def main():
    """Prints a row for each probe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder of tfds datasets")
    parser.add_argument("--trunk", help="a .keras file; an untrained net by default")
    parser.add_argument("--cs", default="0.01,0.1,1", help="of the penalty")
    args = parser.parse_args()
    keras.utils.set_random_seed(0)
    encoder = methods_cifar10.convnet()
    if args.trunk:
        encoder = keras.saving.load_model(args.trunk)
    sets = []
    for split in (methods_cifar10.TRAIN, methods_cifar10.VALIDATION):
        images = kc.data.load("cifar10", split, args.data_dir)
        sets += kc.evaluation.extract_features(encoder, images)
    probes = {"sgd_linear_probe": lambda: kc.evaluation.sgd_linear_probe(*sets)}
    for c in map(float, args.cs.split(",")):
        probes |= {
            f"linear_probe, c={c:g}": lambda c=c: kc.evaluation.linear_probe(*sets, c),
            f"scikit-learn, converged, C={c:g}": lambda c=c: converged(*sets, c),
        }
    for name, probe in probes.items():
        start = time.perf_counter()
        row = {"probe": name, "accuracy": round(100 * probe(), 2)}
        row["seconds"] = round(time.perf_counter() - start, 1)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
