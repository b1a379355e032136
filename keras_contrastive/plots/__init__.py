"""Pictures as matplotlib figures: of runs, embeddings and views, and of energies."""

from keras_contrastive.plots.chain import plot_chain
from keras_contrastive.plots.curves import plot_curves
from keras_contrastive.plots.embedding import plot_embedding
from keras_contrastive.plots.energy_histograms import plot_energy_histograms
from keras_contrastive.plots.energy_surface import plot_energy_surface
from keras_contrastive.plots.figure import save
from keras_contrastive.plots.filters import plot_filters
from keras_contrastive.plots.particles import plot_particles
from keras_contrastive.plots.runs import plot_runs
from keras_contrastive.plots.views import plot_views

__all__ = [
    "plot_chain",
    "plot_curves",
    "plot_embedding",
    "plot_energy_histograms",
    "plot_energy_surface",
    "plot_filters",
    "plot_particles",
    "plot_runs",
    "plot_views",
    "save",
]
