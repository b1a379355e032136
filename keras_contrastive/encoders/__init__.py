"""Trunks, images to features, and heads, features to the embedding."""

from keras_contrastive.encoders.backbone import from_backbone
from keras_contrastive.encoders.batch_norm import (
    BatchNormalization,
    local_statistics,
    split_statistics,
)
from keras_contrastive.encoders.conv2d import Conv2D
from keras_contrastive.encoders.convnet import convnet
from keras_contrastive.encoders.create import NAMES, create
from keras_contrastive.encoders.decoder import DECODERS, create_decoder
from keras_contrastive.encoders.heads import projection_head
from keras_contrastive.encoders.mlp import mlp
from keras_contrastive.encoders.preset import from_preset, presets
from keras_contrastive.encoders.resnet import resnet
from keras_contrastive.encoders.stock_batch_norm import check_splittable
from keras_contrastive.encoders.tied_decoder import TiedDecoder
from keras_contrastive.encoders.weight_levels import weight_levels

__all__ = [
    "DECODERS",
    "NAMES",
    "BatchNormalization",
    "Conv2D",
    "TiedDecoder",
    "check_splittable",
    "convnet",
    "create",
    "create_decoder",
    "from_backbone",
    "from_preset",
    "local_statistics",
    "mlp",
    "presets",
    "projection_head",
    "resnet",
    "split_statistics",
    "weight_levels",
]
