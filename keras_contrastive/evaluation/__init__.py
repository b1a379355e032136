"""Numbers about a finished model: what its features are worth, and how they lie."""

from .ais import AISLogPartition, ais_log_partition
from .energy_growth import EnergyGrowth, energy_growth
from .enumeration import exact_samples
from .exact_log_partition import exact_log_partition
from .features import FeatureExtractor, extract_features
from .few_labels import LabelEfficiency, class_balanced_subset, label_efficiency
from .fine_tune import FineTuneResult, fine_tune
from .flat_spots import FlatSpots, SegmentSpots, flat_spots, flat_spots_between
from .index import Index, Neighbours
from .knn import knn_accuracy, knn_predict
from .label_table import label_efficiency_table
from .labelled import Labelled, labelled
from .linear import linear_probe
from .log_likelihood import LogLikelihood, mean_log_likelihood
from .log_weights import LogPartitionEstimate
from .pair_histogram import PairHistogram, pair_histogram
from .quadrature import quadrature_kl
from .representation import alignment, effective_rank, feature_std, uniformity
from .sgd_probe import sgd_linear_probe
from .transfer import Transfer, transfer

__all__ = [
    "AISLogPartition",
    "EnergyGrowth",
    "FeatureExtractor",
    "FineTuneResult",
    "FlatSpots",
    "Index",
    "LabelEfficiency",
    "Labelled",
    "LogLikelihood",
    "LogPartitionEstimate",
    "Neighbours",
    "PairHistogram",
    "SegmentSpots",
    "Transfer",
    "ais_log_partition",
    "alignment",
    "class_balanced_subset",
    "effective_rank",
    "energy_growth",
    "exact_log_partition",
    "exact_samples",
    "extract_features",
    "feature_std",
    "fine_tune",
    "flat_spots",
    "flat_spots_between",
    "knn_accuracy",
    "knn_predict",
    "label_efficiency",
    "label_efficiency_table",
    "labelled",
    "linear_probe",
    "mean_log_likelihood",
    "pair_histogram",
    "quadrature_kl",
    "sgd_linear_probe",
    "transfer",
    "uniformity",
]
