"""What goes on beside `fit`: the measures of `evaluation`, and backups."""

from .backup import Backup
from .collapse import CollapseWarning
from .energy_monitor import EnergyMonitor, EnergyWarning
from .feature_monitor import FeatureMonitor
from .knn_monitor import KNNMonitor
from .representation_monitor import RepresentationMonitor

__all__ = [
    "Backup",
    "CollapseWarning",
    "EnergyMonitor",
    "EnergyWarning",
    "FeatureMonitor",
    "KNNMonitor",
    "RepresentationMonitor",
]
