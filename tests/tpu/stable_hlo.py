"""The StableHLO of a model's step, as a compiler of another build reads it."""

import math
import re

import tensorflow as tf

_COPY = re.compile(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)")
_BITS = re.compile(r'dense<"0x([0-9A-F]+)"> : tensor<([0-9x]+)xi1>')


def stable_hlo(step, batch):
    """Returns a step on a batch as text, with all that XLA would compile of it."""
    compiled = tf.function(step, jit_compile=True)
    text = compiled.experimental_get_compiler_ir(batch)(stage="stablehlo")
    # What a variable is read by has no name in StableHLO; it is a reshape to its shape.
    text = _COPY.sub(r"stablehlo.reshape \1 : (\2) -> \2", text)
    return _BITS.sub(_a_byte_each, text)


def _a_byte_each(found):
    """Bits in the form of newer compilers: a byte each, where they were packed."""
    packed = bytes.fromhex(found[1])
    count = math.prod(int(x) for x in found[2].split("x"))
    if len(packed) == count:
        return found[0]
    bits = [packed[i // 8] >> (i % 8) & 1 for i in range(count)]
    return f'dense<"0x{bytes(bits).hex().upper()}"> : tensor<{found[2]}xi1>'
