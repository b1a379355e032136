"""Pictures of a run, as matplotlib figures: views, curves and embeddings."""

from keras_contrastive.plots.curves import plot_curves
from keras_contrastive.plots.embedding import plot_embedding
from keras_contrastive.plots.figure import save
from keras_contrastive.plots.runs import plot_runs
from keras_contrastive.plots.views import plot_views

__all__ = ["plot_curves", "plot_embedding", "plot_runs", "plot_views", "save"]
