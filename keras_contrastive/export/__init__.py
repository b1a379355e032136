"""SavedModel out, trainable layer back in."""

from keras_contrastive.export.saved_model import (
    SavedEncoder,
    export_encoder,
    load_encoder,
)

__all__ = ["SavedEncoder", "export_encoder", "load_encoder"]
