"""How a model is saved: in one stroke, with what Keras 3.15 leaves out."""

from typing import Any

import keras

from keras_contrastive._files import replaced
from keras_contrastive.distribute import worker_index

_SEED, _METRIC = "seed_state_", "metric_state_"


class SavedWhole:
    """Mixin for a Keras Model: nobody finds half a file, and nothing is missing.

    Keras saves neither the states of seed generators, without which a resumed run would
    draw the first numbers again, nor those of metrics, without which an epoch that was
    cut off would report the mean of its second part.

    Under several workers all of them save, since that reads what is spread over them;
    to one path, each in one stroke, or to paths of their own.
    """

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Saves the model in one stroke; see `keras.Model.save`."""
        with replaced(filepath, worker_index(self.distribute_strategy)) as fresh:
            super().save(fresh, *args, **kwargs)

    def save_weights(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Saves the weights in one stroke; see `keras.Model.save_weights`."""
        with replaced(filepath, worker_index(self.distribute_strategy)) as fresh:
            super().save_weights(fresh, *args, **kwargs)

    def save_own_variables(self, store: Any) -> None:
        """Saves the model's own variables, and what Keras leaves out."""
        super().save_own_variables(store)
        for name, variable in self._left_out().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Loads what `save_own_variables` saved."""
        names = set(store.keys())  # An H5 store cannot be iterated.
        for name, variable in self._left_out().items():
            # Metrics of `compile` need not be the saved ones.
            if name in names or name.startswith(_SEED):
                variable.assign(store[name][...])
        own = {k: store[k] for k in names if not k.startswith((_SEED, _METRIC))}
        super().load_own_variables(own)

    def _left_out(self) -> dict[str, keras.Variable]:
        seeds = [v for v in self.variables if v.path.endswith("seed_generator_state")]
        metrics = [v for metric in self.metrics for v in metric.variables]
        named = {f"{_SEED}{i}": v for i, v in enumerate(seeds)}
        return named | {f"{_METRIC}{i}": v for i, v in enumerate(metrics)}
