"""A queue as a list, first in, first out."""

import numpy as np


class FeatureQueue:
    def __init__(self, size):
        self.size = size
        self.rows = []

    def enqueue(self, keys):
        for key in np.asarray(keys, np.float64):
            self.rows.append(key / np.linalg.norm(key))
            if len(self.rows) > self.size:
                self.rows.pop(0)
