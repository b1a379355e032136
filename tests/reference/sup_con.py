"""SupCon from equation 2 of https://arxiv.org/abs/2004.11362, term by term."""

import math

import numpy as np


def sup_con(z, labels, temperature):
    """One value a sample: the mean over its positives of minus the log-softmax."""
    z = np.asarray(z, np.float64)
    values = []
    for i, anchor in enumerate(z):
        logits = {
            a: anchor @ other / math.sqrt((anchor @ anchor) * (other @ other))
            for a, other in enumerate(z)
            if a != i
        }
        logits = {a: s / temperature for a, s in logits.items()}
        positives = [p for p in logits if labels[p] == labels[i]]
        if not positives:
            values.append(0.0)
            continue
        highest = max(logits.values())
        total = sum(math.exp(s - highest) for s in logits.values())
        log_softmax = [logits[p] - highest - math.log(total) for p in positives]
        values.append(-sum(log_softmax) / len(positives))
    return np.array(values)
