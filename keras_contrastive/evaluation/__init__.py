"""Numbers about a finished model: what its features are worth, and how they lie."""

from .features import FeatureExtractor, extract_features
from .few_labels import LabelEfficiency, class_balanced_subset, label_efficiency
from .fine_tune import FineTuneResult, fine_tune
from .knn import knn_accuracy, knn_predict
from .label_table import label_efficiency_table
from .linear import linear_probe
from .representation import alignment, effective_rank, feature_std, uniformity
from .sgd_probe import sgd_linear_probe

__all__ = [
    "FeatureExtractor",
    "FineTuneResult",
    "LabelEfficiency",
    "alignment",
    "class_balanced_subset",
    "effective_rank",
    "extract_features",
    "feature_std",
    "fine_tune",
    "knn_accuracy",
    "knn_predict",
    "label_efficiency",
    "label_efficiency_table",
    "linear_probe",
    "sgd_linear_probe",
    "uniformity",
]
