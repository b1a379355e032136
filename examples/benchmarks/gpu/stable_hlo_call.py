"""A StableHLO module as a function of jax: no TensorFlow, no Keras.

jax loads what it has exported itself, in StableHLO's portable form, which is made to be
read by later releases. So a function of the same types is exported, and the module is
put in its place.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import export
from jax._src.export._export import _module_to_bytecode
from jax._src.interpreters import mlir
from jax._src.lib.mlir import ir


def portable(text):
    """Returns a module, given as text, in StableHLO's portable form."""
    with mlir.make_ir_context():
        return _module_to_bytecode(ir.Module.parse(text))


def callable_of(artifact, arguments, results):
    """Returns a function that runs a module's `main`.

    Args:
        artifact: What `portable` returned, here or in an earlier release of jax.
        arguments: `jax.ShapeDtypeStruct`s of what `main` takes.
        results: And of what it returns.

    Returns:
        A function of `len(arguments)` arrays that returns a tuple of arrays.
    """

    def same_types(*_):
        return tuple(jnp.zeros(x.shape, x.dtype) for x in results)

    stand_in = export.export(jax.jit(same_types, keep_unused=True))(*arguments)
    return dataclasses.replace(stand_in, mlir_module_serialized=artifact).call
