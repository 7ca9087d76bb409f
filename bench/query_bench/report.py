"""The tables."""
from . import workloads


def figures(cell):
    """p50 and p95 of one client, p95 of eight, and their rates."""
    if not cell:
        return "", "", ""
    one, many = cell["1"], cell["8"]
    return f"{ms(one['p50'])} / {ms(one['p95'])}", f"{ms(many['p50'])} / {ms(many['p95'])}", f"{rate(one['rps'])} / {rate(many['rps'])}"


def ms(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def rate(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def ratio(value):
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def searches(results, sides):
    """One row a workload: p50 and p95 in ms and requests a second, with one and with eight clients."""
    titles = {workload.name: workload.title for workload in workloads.WORKLOADS}
    head = ["workload"]
    for side in sides:
        head += [f"{side} p50 / p95, 1 client", "8 clients", "a second, 1 / 8"]
    lines = [head, ["---"] * len(head)]
    for name, row in results.items():
        line = [f"{name} {titles[name]}"]
        for side in sides:
            line += figures(row.get(side))
        lines.append(line)
    return table(lines)


def ratios(results):
    """What the goals speak of."""
    head = ["workload", "rate with 8 clients: times MLflow's", "p50: MLflow's times ours", "p50 above the SQL limit, ms",
            "rate of the limit reached, 8 clients", "SQLite: times PostgreSQL's p50", "kB an answer: PostgreSQL, MLflow"]
    lines = [head, ["---"] * len(head)]
    for name, row in results.items():
        ours, peer, limit, sqlite = (row.get(side) for side in ("PostgreSQL", "MLflow", "SQL limit", "SQLite"))
        ours = ours or sqlite
        if not ours:
            continue
        lines.append([
            name,
            ratio(ours["8"]["rps"] / peer["8"]["rps"]) if peer else "",
            ratio(peer["1"]["p50"] / ours["1"]["p50"]) if peer else "",
            ms(ours["1"]["p50"] - limit["1"]["p50"]) if limit else "",
            f"{100 * ours['8']['rps'] / limit['8']['rps']:.0f} %" if limit else "",
            ratio(sqlite["1"]["p50"] / ours["1"]["p50"]) if sqlite else "",
            f"{ours['1']['bytes'] / 1000:.0f}" + (f", {peer['1']['bytes'] / 1000:.0f}" if peer else ""),
        ])
    return table(lines)


def growth(results, earlier):
    """How many times a smaller run's p50, one client, this one's is."""
    sides = [side for side in ("PostgreSQL", "SQLite", "SQL limit", "MLflow") if any(side in row for row in results["search"].values())]
    head = ["workload"] + [f"{side}: times p50 at {earlier['versions']:,}" for side in sides]
    lines = [head, ["---"] * len(head)]
    for name, row in results["search"].items():
        before = earlier["search"].get(name, {})
        both = [(row.get(side), before.get(side)) for side in sides]
        lines.append([name] + [ratio(now["1"]["p50"] / then["1"]["p50"]) if now and then else "" for now, then in both])
    return table(lines)


def writes(results):
    head = ["logging", "side", "p50 / p95, 1 client", "8 clients", "requests a second, 1 / 8", "versions a second, 1 / 8"]
    lines = [head, ["---"] * len(head)]
    for name, row in results.items():
        for side, cell in row.items():
            each = cell.get("versions", 1)
            rates = f"{rate(cell['1']['rps'] * each)} / {rate(cell['8']['rps'] * each)}"
            lines.append([name, side, *figures(cell), rates])
    return table(lines)


def memory(results):
    lines = [["server on", "peak, MB", "at the end, MB"], ["---"] * 3]
    lines += [[name, f"{peak:.0f}", f"{now:.0f}"] for name, (peak, now) in results.items()]
    return table(lines)


def table(lines):
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
