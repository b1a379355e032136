"""The StableHLO of a model's step, as a compiler of another build reads it."""

import math
import re

import tensorflow as tf

_COPY = re.compile(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)")
_BITS = re.compile(r'dense<"0x([0-9A-F]+)"> : tensor<([0-9x]+)xi1>')
_ALIAS = re.compile(
    r"parameter_number = (\d+) : i64}, output_index = array<i64: (\d+)>"
)


def stable_hlo(step, batch):
    """Returns a step on a batch as text, with all that XLA would compile of it."""
    return readable_text(tf.function(step, jit_compile=True), batch)


def readable_text(compiled, batch):
    """Returns the StableHLO of a `tf.function(jit_compile=True)` on a batch."""
    text = compiled.experimental_get_compiler_ir(batch)(stage="stablehlo")
    # What a variable is read by has no name in StableHLO; it is a reshape to its shape.
    text = _COPY.sub(r"stablehlo.reshape \1 : (\2) -> \2", text)
    return _BITS.sub(_a_byte_each, text)


def updates(text):
    """Returns which output is the new value of which argument, `{argument: output}`.

    XLA is told that an updated variable may take the place of the old one; the text
    says so in an attribute of the module.
    """
    header = next(line for line in text.splitlines() if line.startswith("module @"))
    return {int(found[1]): int(found[2]) for found in _ALIAS.finditer(header)}


def without_attributes(text):
    """Removes the attributes that are XLA's own and of no dialect that others know."""
    text = re.sub(r"^(module @\S+) attributes {.*} {", r"\1 {", text, flags=re.M)
    return re.sub(r" {mhlo\.frontend_attributes = {[^}]*}}", "", text)


def _a_byte_each(found):
    """Bits in the form of newer compilers: a byte each, where they were packed."""
    packed = bytes.fromhex(found[1])
    count = math.prod(int(x) for x in found[2].split("x"))
    if len(packed) == count:
        return found[0]
    bits = [packed[i // 8] >> (i % 8) & 1 for i in range(count)]
    return f'dense<"0x{bytes(bits).hex().upper()}"> : tensor<{found[2]}xi1>'
