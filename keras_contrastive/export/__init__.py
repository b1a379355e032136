"""SavedModel out, trainable layer back in; a trunk to share as a preset."""

from keras_contrastive.export.classifier import export_classifier
from keras_contrastive.export.preset import export_preset
from keras_contrastive.export.saved_model import (
    SavedEncoder,
    export_encoder,
    load_encoder,
)

__all__ = [
    "SavedEncoder",
    "export_classifier",
    "export_encoder",
    "export_preset",
    "load_encoder",
]
