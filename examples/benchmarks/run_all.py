"""Every comparison with what a user would pick instead, one after the other.

    python examples/benchmarks/run_all.py --out DIR --data_dir TFDS \
        --peer_python PYTHON --peer_data cifar10.npz

Each comparison is a script of this folder, which prints tables in Markdown. They run
one at a time, and `DIR/results.md` gets the machine, the versions, and of each its
command, the seconds it took and what it printed; `DIR/ratios.png` draws the columns
whose heading has the word "ratio". What fails is named with its last lines, and the
exit status is 1. Without the peer's environment its rows are left out.
"""

import argparse
import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

HERE = pathlib.Path(__file__).parent
# Name -> arguments, and those of a quick look at whether it works. In braces what the
# command line gives; an argument whose value was not given is left out.
PEER = "--peer_python={peer_python}"
CIFAR = ("--data_dir={data_dir}", PEER, "--peer_data={peer_data}", "--timing_only")
COMPARISONS = {
    "bare_steps": (
        (PEER,),
        ("--nets=convnet", "--turns=1", "--batch_size=16", "--no_compile"),
    ),
    "bare_methods": (
        (),
        ("--methods=dcl,nnclr", "--turns=1", "--steps=1", "--batch_size=16"),
    ),
    "bare_energies": (
        (),
        ("--methods=rbm_pcd,ratio_matching", "--turns=1", "--batch_size=8"),
    ),
    "input_pipeline": (
        (),
        ("--cases=convnet_32", "--turns=1", "--images=256"),
    ),
    "simclr_cifar10": (
        (*CIFAR, "--epochs=3", "--steps_per_epoch=100"),
        ("--epochs=1", "--steps_per_epoch=3"),
    ),
    "augmentation": ((), ("--sides=32", "--turns=1", "--seconds=0.2")),
    "sampler_throughput": (
        (PEER,),
        ("--repeats=1", "--steps=10", "--temperatures=500"),
    ),
    "rbm_updates": (
        ("--batches=10,100,1000",),
        ("--batches=100", "--repeats=1", "--images=1000"),
    ),
}
PACKAGES = ("tensorflow", "keras", "keras-cv", "scikit-learn", "numpy")
PEER_PACKAGES = ("torch", "torchvision", "lightly", "torchebm")
# Comparisons that can do nothing without it.
NEEDS = {"simclr_cifar10": "data_dir"}


def command_of(name, given, quick):
    """Returns a comparison's command, or the option it lacks and cannot do without."""
    if NEEDS.get(name) and not given[NEEDS[name]]:
        return None, NEEDS[name]
    usual, short = COMPARISONS[name]
    if not (given["peer_python"] and given["peer_data"]) and name == "simclr_cifar10":
        given = {**given, "peer_python": None, "peer_data": None}
    # The later of two values counts.
    arguments = [*usual, *(short if quick else ())]
    wanted = [re.findall(r"{(\w+)}", argument) for argument in arguments]
    kept = [
        argument.format(**given)
        for argument, options in zip(arguments, wanted, strict=True)
        if all(given[option] for option in options)
    ]
    return [sys.executable, str(HERE / f"{name}.py"), *kept], None


def run(command, out):
    """Runs a command, keeps what it prints in `out`; returns a dict about it."""
    start = time.perf_counter()
    with (
        open(out.with_suffix(".txt"), "w") as printed,
        open(out.with_suffix(".err"), "w") as complaints,
    ):
        status = subprocess.run(command, stdout=printed, stderr=complaints).returncode
    return {
        "seconds": time.perf_counter() - start,
        "status": status,
        "printed": out.with_suffix(".txt").read_text(),
        "complaints": out.with_suffix(".err").read_text(),
    }


def tables(text):
    """Returns the tables of a text in Markdown, each a list of rows of cells."""
    found, inside = [], False
    for line in text.splitlines():
        if line.startswith("|"):
            if not inside:
                found.append([])
            found[-1].append([cell.strip() for cell in line[1:-1].split("|")])
        inside = line.startswith("|")
    return found


def ratios(text):
    """Returns label -> ratio of every table column with "ratio" in its heading.

    The label is a row's text: its cells in the columns that do not end in a colon
    below the heading, which numbers do.
    """
    named = {}
    for heading, alignment, *rows in tables(text):
        columns = [n for n, cell in enumerate(heading) if "ratio" in cell]
        texts = [n for n, cell in enumerate(alignment) if not cell.endswith(":")]
        for cells in rows:
            for column in columns:
                number = re.match(r"[\d.]+", cells[column])
                if number:
                    named[", ".join(cells[n] for n in texts)] = float(number[0])
    return named


def chart(results, path):
    """Draws the ratios of every comparison; returns whether there were any."""
    drawn = {name: ratios(result["printed"]) for name, result in results.items()}
    bars = [
        (f"{name}: {label}", value)
        for name, found in drawn.items()
        for label, value in found.items()
    ][::-1]
    if not bars:
        return False
    labels, values = zip(*bars, strict=True)
    figure, axes = plt.subplots(figsize=(9, 1 + 0.24 * len(bars)))
    axes.barh(range(len(bars)), values)
    axes.set_yticks(range(len(bars)), labels, fontsize=7)
    axes.set_ylim(-1, len(bars))
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("ratio, higher is faster than what is named")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return True


def processor():
    """Returns the processor's name and the machine's memory, as Linux tells them."""
    name, memory = platform.processor() or platform.machine(), ""
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        memory = f", {size / 2**30:.0f} GiB"
    except (OSError, ValueError):
        pass
    return f"{name}, {len(os.sched_getaffinity(0))} cores{memory}"


def versions(peer_python):
    """Returns the packages and their versions, of both environments."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} missing")
    if peer_python:
        code = "import importlib.metadata as m, sys\n" + (
            "for name in sys.argv[1:]:\n"
            "    try: print(name, m.version(name))\n"
            "    except m.PackageNotFoundError: print(name, 'missing')"
        )
        asked = [peer_python, "-c", code, *PEER_PACKAGES]
        told = subprocess.run(asked, capture_output=True, text=True, check=True)
        found.append("the peer's environment: " + ", ".join(told.stdout.splitlines()))
    return "; ".join(found)


def section(name, command, result):
    """Returns a comparison's part of the page."""
    # The page is to be read on other machines: no folders of this one.
    shown = ["python", f"examples/benchmarks/{name}.py"]
    for argument in command[2:]:
        option, _, value = argument.partition("=")
        path = pathlib.Path(value)
        shown.append(f"{option}={path.name}" if path.is_absolute() else argument)
    lines = [f"## {name}", "", f"`{shlex.join(shown)}`: {result['seconds']:,.0f} s", ""]
    if result["status"]:
        last = "\n".join(result["complaints"].splitlines()[-10:])
        lines += [
            f"**Failed**, exit status {result['status']}:",
            "",
            "```",
            last,
            "```",
        ]
        lines.append("")
    return "\n".join([*lines, result["printed"].strip(), ""])


def main(arguments=None):
    """Runs the comparisons, writes the page; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a folder")
    parser.add_argument("--data_dir", help="folder of tfds datasets")
    parser.add_argument("--peer_python", help="python of the peer's environment")
    parser.add_argument("--peer_data", help="npz of peers/export_cifar10.py")
    parser.add_argument("--only", default=",".join(COMPARISONS), help="names, by comma")
    parser.add_argument("--quick", action="store_true", help="to see that they work")
    args = parser.parse_args(arguments)
    names = args.only.split(",")
    unknown = sorted(set(names) - set(COMPARISONS))
    if unknown:
        parser.error(
            f"--only must name some of {list(COMPARISONS)}. Received: {unknown}"
        )
    args.out.mkdir(parents=True, exist_ok=True)
    page = [
        "# Comparisons",
        "",
        f"Machine: {processor()}. {versions(args.peer_python)}.",
    ]
    if args.quick:
        page.append("A quick look at whether they work: the numbers mean nothing.")
    if not args.peer_python:
        page.append("Without `--peer_python`: the peers' rows are left out.")
    elif not args.peer_data:
        page.append("Without `--peer_data`: lightly's rows are left out.")
    page.append("")
    results = {}
    for name in names:
        command, lacking = command_of(name, vars(args), args.quick)
        if lacking:
            page += [f"## {name}", "", f"Left out: it needs `--{lacking}`.", ""]
            continue
        print(shlex.join(command), flush=True)
        results[name] = run(command, args.out / name)
        page.append(section(name, command, results[name]))
    if chart(results, args.out / "ratios.png"):
        page += ["![the ratios of every comparison](ratios.png)", ""]
    (args.out / "results.md").write_text("\n".join(page))
    return int(any(result["status"] for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
