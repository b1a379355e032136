"""What goes on beside `fit`: the measures of `evaluation`, and backups."""

from .backup import Backup
from .collapse import CollapseWarning
from .energy_monitor import EnergyMonitor, EnergyWarning
from .feature_monitor import FeatureMonitor
from .knn_monitor import KNNMonitor
from .pair_recorder import PairRecorder, read_pairs
from .representation_monitor import RepresentationMonitor
from .tensor_board import TensorBoard

__all__ = [
    "Backup",
    "CollapseWarning",
    "EnergyMonitor",
    "EnergyWarning",
    "FeatureMonitor",
    "KNNMonitor",
    "PairRecorder",
    "RepresentationMonitor",
    "TensorBoard",
    "read_pairs",
]
