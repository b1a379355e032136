"""What the processes of a run must know of each other."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

_BROKEN = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
    tf.errors.DeadlineExceededError,
)


def several_workers(strategy: tf.distribute.Strategy | None = None) -> bool:
    """Returns whether several processes train together.

    Args:
        strategy: Of the run; None takes the current one.
    """
    return len(_tasks(strategy)) > 1


def is_chief(strategy: tf.distribute.Strategy | None = None) -> bool:
    """Returns whether this process is the one that writes.

    Args:
        strategy: Of the run; None takes the current one.
    """
    return worker_index(strategy) == 0


def worker_index(strategy: tf.distribute.Strategy | None = None) -> int:
    """Returns this process's number among those of the run; 0 is the chief's.

    Args:
        strategy: Of the run; None takes the current one.
    """
    tasks = _tasks(strategy)
    if len(tasks) < 2:
        return 0
    resolver = (strategy or tf.distribute.get_strategy()).cluster_resolver
    return tasks.index((resolver.task_type, resolver.task_id))


@contextlib.contextmanager
def told_of_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Says in words what it means when a step fails because a process is gone.

    Args:
        strategy: Of the run.

    Raises:
        RuntimeError: In place of TensorFlow's errors of a broken connection.
    """
    try:
        yield
    except _BROKEN as error:
        if not several_workers(strategy):
            raise
        raise RuntimeError(
            "Another worker is gone, and this one cannot go on without it. Start all "
            "of them again: a run with a backup goes on from there. "
            f"Received: {type(error).__name__}"
        ) from error


def _tasks(strategy: tf.distribute.Strategy | None) -> list[tuple[str, int]]:
    """Returns type and number of each task, the chief first."""
    strategy = strategy or tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return []
    jobs = strategy.cluster_resolver.cluster_spec().as_dict()
    return [(job, i) for job in sorted(jobs) for i in range(len(jobs[job]))]


class Workers:
    """Questions that all processes of a run ask together, each at the same place.

    Args:
        strategy: Of the run.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self.several = several_workers(strategy)
        self.is_chief = is_chief(strategy)
        self._strategy = strategy
        self._sum = tf.function(self._summed)

    def any(self, answer: bool) -> bool:
        """Returns whether any process answers yes; all wait for each other."""
        return answer if not self.several else self._total(float(answer)) > 0

    def agree(self, number: int) -> bool:
        """Returns whether all processes name one number, up to 2^24."""
        if not self.several:
            return True
        count = self._total(1.0)
        # By the variance: zero, and exact for whole numbers of this size.
        mean = self._total(float(number)) / count
        return self._total(abs(number - mean)) == 0

    def _total(self, value: float) -> float:
        local = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(value)
        )
        return float(self._sum(local))

    def _summed(self, values: tf.Tensor) -> tf.Tensor:
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
