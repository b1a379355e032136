"""The measures of `evaluation`, taken during `fit`."""

from .collapse import CollapseWarning
from .energy_monitor import EnergyMonitor, EnergyWarning
from .feature_monitor import FeatureMonitor
from .knn_monitor import KNNMonitor
from .representation_monitor import RepresentationMonitor

__all__ = [
    "CollapseWarning",
    "EnergyMonitor",
    "EnergyWarning",
    "FeatureMonitor",
    "KNNMonitor",
    "RepresentationMonitor",
]
