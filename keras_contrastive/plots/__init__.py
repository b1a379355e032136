"""Pictures as matplotlib figures: of runs, embeddings and views, and of energies."""

from keras_contrastive.plots.alignment_uniformity import plot_alignment_uniformity
from keras_contrastive.plots.chain import plot_chain
from keras_contrastive.plots.confusion import plot_confusion
from keras_contrastive.plots.curves import plot_curves
from keras_contrastive.plots.embedding import plot_embedding
from keras_contrastive.plots.energy_growth import plot_energy_growth
from keras_contrastive.plots.energy_histograms import plot_energy_histograms
from keras_contrastive.plots.energy_surface import plot_energy_surface
from keras_contrastive.plots.figure import save
from keras_contrastive.plots.filters import plot_filters
from keras_contrastive.plots.html_map import html_map
from keras_contrastive.plots.html_page import HtmlPage
from keras_contrastive.plots.neighbours import plot_neighbours
from keras_contrastive.plots.pair_similarities import plot_pair_similarities
from keras_contrastive.plots.particles import plot_particles
from keras_contrastive.plots.reconstructions import plot_reconstructions
from keras_contrastive.plots.runs import plot_runs
from keras_contrastive.plots.segment import plot_segment
from keras_contrastive.plots.vector_field import plot_vector_field
from keras_contrastive.plots.views import plot_views

__all__ = [
    "HtmlPage",
    "html_map",
    "plot_alignment_uniformity",
    "plot_chain",
    "plot_confusion",
    "plot_curves",
    "plot_embedding",
    "plot_energy_growth",
    "plot_energy_histograms",
    "plot_energy_surface",
    "plot_filters",
    "plot_neighbours",
    "plot_pair_similarities",
    "plot_particles",
    "plot_reconstructions",
    "plot_runs",
    "plot_segment",
    "plot_vector_field",
    "plot_views",
    "save",
]
