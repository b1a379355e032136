"""Measures every step on both sides, one after the other, each in a process of its own.

    python measure.py FOLDER --images cifar.npy --out results.jsonl --seconds 500

Steps and their order are fixed; a part that fails or takes too long loses nothing but
itself, and one that would end behind `--seconds` is left out. The last lines are a
table.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

from step_settings import STEPS

HERE = pathlib.Path(__file__).parent
OURS, PEER = "run_steps.py", "peer_steps.py"


def parts(folder, images, quick):
    """Returns `(key, script and arguments, seconds at most)` of all that is run."""
    few = ["--steps", "2", "--rounds", "1"] if quick else []
    data = ["--images", str(images)]
    made = [("ceiling/jax", [OURS, "ceiling"], 60)]
    checks = sorted(str(x) for x in folder.glob("*_check"))
    if checks:
        made.append(("check/jax", [OURS, "check", *checks], 200))
    for name in STEPS:
        if not (folder / name).exists():
            continue
        ours = [OURS, "time", str(folder / name), *data, *few]
        made.append((f"{name}/keras_contrastive", ours, 200))
        if STEPS[name].get("groups", 1) == 1:
            peer = [PEER, "time", name, *data, *few]
            made.append((f"{name}/pytorch", peer, 200))
    made.append(("ceiling/pytorch", [PEER, "ceiling"], 60))
    return made


def run(command, seconds):
    """Runs a script; returns the JSON objects that it printed, or one with `error`."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, str(HERE / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"")[-1500:]
        return [{"error": f"longer than {seconds} s: {said!r}"}]
    rows = [json.loads(x) for x in done.stdout.splitlines() if x.startswith("{")]
    if done.returncode:
        rows.append({"error": done.stderr[-3000:]})
    took = time.perf_counter() - start
    return [{**row, "seconds_of_process": took} for row in rows]


def table(rows, folder):
    """Returns a table of the measured steps, and of their share of the ceiling."""
    by_part = {row["part"]: row for row in rows if "error" not in row}
    top = by_part.get("ceiling/jax", {}).get("tera_operations_per_second")
    lines = ["| step | side | images/s | ms | TFLOP/s | of the ceiling |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: |")
    for part, row in by_part.items():
        if "images_per_second" not in row:
            continue
        name, side = part.split("/")
        about = json.loads((folder / name / "step.json").read_text())
        rate = about["operations_per_image"] * row["images_per_second"] / 1e12
        share = f"{100 * rate / top:.1f}%" if top else ""
        lines.append(
            f"| {name} | {side} | {row['images_per_second']:,.0f} "
            f"| {row['milliseconds']:.1f} | {rate:.1f} | {share} |"
        )
    return "\n".join(lines)


def main(argv=None):
    """Measures what the time allows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--images", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=3000.0)
    parser.add_argument("--only", help="parts whose name holds one of these, a,b,c")
    parser.add_argument("--quick", action="store_true", help="two steps each")
    args = parser.parse_args(argv)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", "/tmp/jax_cache")
    end, rows = time.monotonic() + args.seconds, []
    for part, command, most in parts(args.folder, args.images, args.quick):
        if args.only and not any(word in part for word in args.only.split(",")):
            continue
        left = end - time.monotonic()
        if left < 20:
            found = [{"error": "no time left"}]
        else:
            found = run(command, min(most, left - 5))
        for row in found:
            rows.append({"part": part, **row})
            print(json.dumps(rows[-1]), flush=True)
        with args.out.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    print(table(rows, args.folder), flush=True)


if __name__ == "__main__":
    main()
