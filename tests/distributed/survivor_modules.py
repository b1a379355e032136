"""What the fork server imports, without starting TensorFlow."""

import tests.contracts.energy_zoo
import tests.contracts.zoo  # noqa: F401
