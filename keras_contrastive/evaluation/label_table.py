"""A table that sets several representations side by side, at each label budget."""

from collections.abc import Mapping, Sequence

from .few_labels import LabelEfficiency


def label_efficiency_table(
    results: Mapping[str, Sequence[LabelEfficiency]], markdown: bool = False
) -> str:
    """Formats results of `label_efficiency`, one row a representation.

    Accuracies are in per cent, "mean ± standard deviation" over the draws; a number
    without ± comes from one draw, such as all labels.

    Args:
        results: Results by the representation's name, all with the same budgets.
            The rows keep this order.
        markdown: Whether to write a Markdown table and not aligned plain text.

    Returns:
        The table, without a newline at the end.

    Raises:
        ValueError: If there are no results or the budgets differ.

    Example:
        >>> table = label_efficiency_table({"pixels": pixels, "pretrained": ours})
    """
    if not results or not all(results.values()):
        raise ValueError(
            "`results` must hold at least one representation with at least one "
            f"budget. Received: {dict(results)}"
        )
    budgets = {
        name: [(r.labels_per_class, r.draws) for r in rows]
        for name, rows in results.items()
    }
    shared = next(iter(budgets.values()))
    if any(budget != shared for budget in budgets.values()):
        raise ValueError(
            "`results` must have the same budgets and draws for every "
            f"representation. Received: {budgets}"
        )
    names = ["all" if budget is None else str(budget) for budget, _ in shared]
    header = ["accuracy, %"]
    header += [f"kNN, {name}/class" if name != "all" else "kNN, all" for name in names]
    header += [
        f"linear, {name}/class" if name != "all" else "linear, all" for name in names
    ]
    rows = [header]
    for name, row in results.items():
        knn = [cell(r.knn_mean, r.knn_std) for r in row]
        linear = [cell(r.linear_mean, r.linear_std) for r in row]
        rows.append([name, *knn, *linear])
    return _markdown(rows) if markdown else aligned(rows)


def cell(mean: float, std: float | None) -> str:
    """Returns "71.3 ± 2.4", or "71.3" without a spread."""
    text = f"{100 * mean:.1f}"
    return text if std is None else f"{text} ± {100 * std:.1f}"


def aligned(rows: list[list[str]]) -> str:
    """Returns rows with the names flush left and the numbers flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _markdown(rows: list[list[str]]) -> str:
    """Returns rows as a Markdown table, the numbers aligned right."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rule = ["---"] + ["---:"] * (len(rows[0]) - 1)
    lines = [escaped[0], rule, *escaped[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
