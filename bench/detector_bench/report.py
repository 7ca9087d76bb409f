"""The tables."""
from .run import seconds

# Times faster than the peer, in CPU time.
GOAL = 3
FOREST, FOREST_GOAL = "isolation_forest on shuttle", 10


def text(results):
    parts = []
    if results.get("pairs"):
        parts.append(beside(results["pairs"]))
    if "latency" in results:
        parts.append(latency(results["latency"]))
    if "growth" in results:
        parts.append(growth(results["growth"]))
    if lines := goals(results):
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def beside(rows):
    """One line a detector and table: how many times faster ours is, what it takes, how good both are."""
    head = ["detector", "beside", "data", "fit: times faster, CPU (clock)", "score: times faster, CPU (clock)", "fit, ours", "score, ours",
            "ROC-AUC, ours / theirs", "memory, MB, ours / theirs"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        ours, theirs = row["ours"], row.get("theirs")
        line = [row["name"], row["beside"] or "", row["data"]]
        if "failed" in ours:
            lines.append([*line, "", "", f"failed: {ours['failed']}", "", "", ""])
            continue
        for step in ("fit", "score"):
            found = [ratio(row, step, clock) for clock in ("cpu", "wall")]
            failed = theirs and "failed" in theirs
            line.append("failed" if failed else f"{times(found[0])} ({times(found[1])})" if None not in found else "")
        line += [duration(of_ours(row, "fit", "wall")), duration(of_ours(row, "score", "wall"))]
        line.append(" / ".join(f"{cell['roc_auc']:.3f}" if cell.get("roc_auc") is not None else "–" for cell in (ours, theirs) if cell))
        line.append(" / ".join(f"{memory(cell) / 1e6:,.0f}" for cell in (ours, theirs) if cell and "failed" not in cell))
        lines.append(line)
    return table(lines)


def of_ours(row, step, clock):
    """The steps of ours that the peer does in one are added up."""
    steps = {("fit", True): ["fit", "training_scores"], ("fit", False): ["fit"], ("score", True): ["score"], ("score", False): ["score"]}
    return sum(seconds(row["ours"], part, clock) for part in steps[step, row["fit_scores"]])


def ratio(row, step, clock):
    """How many times as long the peer takes; None where there is none."""
    theirs = row.get("theirs")
    if not theirs or "failed" in theirs or "failed" in row["ours"]:
        return None
    # What ends in less time than a call takes is no step of that peer.
    return seconds(theirs, step, clock) / of_ours(row, step, clock) if seconds(theirs, step, "wall") > 2e-6 else None


def memory(cell):
    """The peak above what the process held before it read the table: the table, the model, and what either step takes."""
    return max(cell["fit"]["peak"], cell["score"]["peak"]) - cell["before_bytes"]


def latency(rows):
    head = ["one row", "data", "p50 / p99, ours", "p50 / p99, theirs", "times faster"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [row["ours"], row.get("theirs")]
        line = [row["name"], row["data"], *(f"{duration(cell['p50'])} / {duration(cell['p99'])}" if cell and "p50" in cell else "" for cell in cells)]
        both = all(cell and "p50" in cell for cell in cells)
        lines.append([*line, times(cells[1]["p50"] / cells[0]["p50"]) if both else ""])
    return table(lines)


def growth(found):
    """How many times the step before: rows, seconds; and memory as a multiple of the table."""
    head = ["detector", "rows", "times the rows", "fit", "times", "score", "times", "peak of fit, times the data", "peak of score"]
    lines = [head, ["---"] * len(head)]
    for name, cells in found.items():
        before = None
        for cell in cells:
            line = [name, f"{cell['rows']:,}", times(cell["rows"] / before["rows"]) if before else ""]
            if "failed" in cell:
                lines.append([*line, f"failed: {cell['failed']}", "", "", "", "", ""])
                continue
            for step in ("fit", "score"):
                now = seconds(cell, step, "wall")
                line += [duration(now), times(now / seconds(before, step, "wall")) if before else ""]
            line += [f"{(cell[step]['peak'] - cell['before_bytes']) / cell['data_bytes']:.2f}" for step in ("fit", "score")]
            lines.append(line)
            before = cell
    return table(lines)


def goals(results):
    """Each goal with what was measured of it in this run."""
    lines = []
    for step in ("score", "fit"):
        reached = {}
        for row in results.get("pairs", []):
            if (found := ratio(row, step, "cpu")) is not None:
                reached[f"{row['name']} on {row['data']}"] = found
        # 49,097 rows x 9; on smaller tables the goal is that of all.
        forest = reached.pop(FOREST, None) if step == "score" else None
        if forest is not None:
            lines.append(judged(forest >= FOREST_GOAL, f"score of {FOREST} is {times(forest)} times as fast, goal {FOREST_GOAL}"))
        missed = {name: found for name, found in reached.items() if found < GOAL}
        if reached:
            listed = ", ".join(f"{name} {times(found)}" for name, found in missed.items())
            lines.append(judged(not missed, f"{step} is at least {GOAL} times as fast in {len(reached) - len(missed)} of {len(reached)} lines"
                                + (f"; less for {listed}" if missed else "")))
    for name, cell in results.get("goals", {}).items():
        if "failed" in cell:
            lines.append(judged(False, f"isolation forest, {name}: {cell['failed']}"))
        elif name == "row":
            lines.append(judged(cell["p50"] < 50e-6, f"one row by an isolation forest takes {duration(cell['p50'])}, goal 50 µs"))
        else:
            fit, score = seconds(cell, "fit", "wall"), seconds(cell, "score", "wall")
            multiple = (cell["score"]["peak"] - cell["before_bytes"]) / cell["data_bytes"]
            load = seconds(cell, "load", "wall")
            lines += [
                judged(fit + score < 0.1, f"100,000 x 10 by an isolation forest on 2 threads takes {duration(fit)} to fit and "
                                          f"{duration(score)} to score, goal 100 ms"),
                judged(multiple <= 2, f"scoring these holds {multiple:.2f} times the data at most, goal 2"),
                judged(load < 0.01, f"its version of 100 trees, {cell['artifact_bytes'] / 1e3:.0f} kB, loads in {duration(load)}, goal 10 ms"),
            ]
    return lines


def judged(met, what):
    return f"- {'met' if met else '**missed**'}: {what}"


def times(value):
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def duration(value):
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"


def table(lines):
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
