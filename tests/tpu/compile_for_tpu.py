"""Compiles StableHLO for a TPU that is not there: a process of its own, without TF.

python tests/tpu/compile_for_tpu.py TOPOLOGY FILE...

Prints a JSON line a file: its name, and the error or null. Needs jax and libtpu.
"""

import json
import pathlib
import sys

from jax._src import compiler
from jax._src.interpreters import mlir
from jax._src.lib import xla_client
from jax._src.lib.mlir import ir
from jax.experimental import topologies


def main(topology_name, *paths):
    topology = topologies.get_topology_desc(topology_name=topology_name, platform="tpu")
    device = topology.devices[0]
    for path in paths:
        try:
            compile_text(pathlib.Path(path).read_text(), device)
            error = None
        except Exception as caught:
            error = f"{type(caught).__name__}: {caught}"[:2000]
        print(json.dumps({"file": path, "error": error}), flush=True)


def compile_text(text, device):
    options = compiler.get_compile_options(num_replicas=1, num_partitions=1)
    with mlir.make_ir_context():
        module = ir.Module.parse(text)
        client = device.client
        client.compile(
            module,
            xla_client.DeviceList((device,)),
            options,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
