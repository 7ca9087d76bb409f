"""One run of the benchmark: fills the results, part by part, so that what is measured is kept when a later part fails."""
from . import pairs, tables
from .run import Runner, seconds
from _common import say

# Rows of the tables on which growth is measured.
GROWTH = [100_000, 1_000_000, 5_000_000]


def run(options, results):
    runner = Runner(options.binary, options.threads, options.repeats, options.seconds)
    chosen = [tables.named(name) for name in options.data.split(",") if name] if options.tabular else []
    if options.rows and options.tabular:
        chosen.append(tables.random(options.rows))
    work = [(pair, table.of_most(pair.most_rows)) for pair in options.tabular for table in chosen]
    if options.timed:
        series = tables.series()
        work += [(pair, series) for pair in options.timed]
    results["pairs"] = []
    for pair, table in work:
        about = {"name": pair.name, "beside": pair.beside, "data": table.name, "fit_scores": pair.fit_scores}
        results["pairs"].append(about | runner.pair(pair, table))
    if options.rows_latency and chosen:
        results["latency"] = [latency(runner, pair, chosen[0]) for pair in options.tabular]
    if options.growth:
        results["growth"] = growth(runner, options)
    if options.goals:
        results["goals"] = goals(runner)


def latency(runner, pair, table):
    """What one row takes, ours and theirs."""
    row = {"name": pair.name, "data": table.name}
    small = table.of_most(pair.most_rows)
    for side, ask in (("ours", runner.ours), ("theirs", runner.theirs)):
        if side == "ours" or pair.beside:
            row[side] = ask(pair, small, row=True)
    say(f"one row by {pair.name}: " + "; ".join(
        f"{side} {row[side].get('p50', float('nan')) * 1e6:.1f} us" for side in ("ours", "theirs") if side in row))
    return row


def growth(runner, options):
    """Seconds and memory of ours alone."""
    named = {pair.name: pair for pair in pairs.TABULAR + pairs.SERIES}
    table = tables.random(max(GROWTH))
    found = {}
    try:
        for name in pairs.GROWING:
            found[name] = []
            for rows in GROWTH:
                cell = runner.ours(named[name], table, rows=rows)
                found[name].append({"rows": rows} | cell)
                if "failed" in cell:
                    say(f"{name}, {rows:,} rows: failed: {cell['failed']}")
                    break
                say(f"{name}, {rows:,} rows: fit {seconds(cell, 'fit', 'wall'):.4g} s, score {seconds(cell, 'score', 'wall'):.4g} s")
    finally:
        table.path.unlink()
        table.labels.unlink()
    return found


def goals(runner):
    """What the goals speak of besides the ratios, by the isolation forest of 100 trees."""
    forest = pairs.TABULAR[0]
    return {
        "row": runner.ours(forest, tables.named("shuttle"), row=True),
        "table": runner.ours(forest, tables.random(100_000), threads=2),
    }
