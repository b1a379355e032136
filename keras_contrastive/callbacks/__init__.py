"""The measures of `evaluation`, taken during `fit`."""

from .collapse import CollapseWarning
from .feature_monitor import FeatureMonitor
from .knn_monitor import KNNMonitor
from .representation_monitor import RepresentationMonitor

__all__ = [
    "CollapseWarning",
    "FeatureMonitor",
    "KNNMonitor",
    "RepresentationMonitor",
]
