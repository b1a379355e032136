"""SavedModel out, trainable layer back in."""

from keras_contrastive.export.classifier import export_classifier
from keras_contrastive.export.saved_model import (
    SavedEncoder,
    export_encoder,
    load_encoder,
)

__all__ = ["SavedEncoder", "export_classifier", "export_encoder", "load_encoder"]
