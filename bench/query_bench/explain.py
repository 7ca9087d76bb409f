"""What the server really asks its database: the plans of its statements, as auto_explain saw them run."""
import re
import time

from .measure import NunatakSide
from .places import say

# PostgreSQL plans a prepared statement anew five times before it decides: what is kept is what comes after.
TIMES = 8

SETTINGS = {
    "session_preload_libraries": "'auto_explain'",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_nested_statements": "off",
}


def explain(prepared, chosen, directory):
    """Writes `NAME.txt` for each workload into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    postgres, server = prepared.postgres, prepared.on_postgres
    postgres.sql("nunatak", "".join(f"ALTER DATABASE nunatak SET {name} = {value};\n" for name, value in SETTINGS.items()))
    try:
        server.start()
        side = NunatakSide(server)
        for workload in chosen:
            drawn = workload.drawn(prepared.records)
            requests = side.requests(workload, drawn, prepared.records)
            for _, _, body in requests[: TIMES - 1]:
                server.ask(body)
            begin = _written(postgres.log)
            started = time.perf_counter()
            server.ask(requests[TIMES - 1][2])
            took = (time.perf_counter() - started) * 1000
            time.sleep(0.3)
            plans = _plans(postgres.log.read_bytes()[begin:].decode())
            head = (f"{workload.name}: {workload.title}\n{prepared.options.versions:,} versions. Request {TIMES} of its kind; "
                    f"{took:.1f} ms with the plans being logged.")
            (directory / f"{workload.name}.txt").write_text("\n\n".join([head, *plans]) + "\n")
            say(f"{workload.name}: {len(plans)} statements")
    finally:
        server.stop()
        postgres.sql("nunatak", "".join(f"ALTER DATABASE nunatak RESET {name};\n" for name in SETTINGS))


def _written(log):
    """How long the log is once nothing more is written."""
    size = -1
    while size != (size := log.stat().st_size):
        time.sleep(0.3)
    return size


def _plans(text):
    """The statements in a log, each with its plan."""
    plans = []
    for line in text.splitlines():
        if line.startswith("LOG:  duration:") and "plan:" in line:
            plans.append([line.removeprefix("LOG:  ").removesuffix("  plan:")])
        elif line.startswith("\t") and plans:
            # The token's digest is another one in each run.
            plans[-1].append(re.sub(r"'[0-9a-f]{64}'", "'…'", line.removeprefix("\t")))
    return ["\n".join(plan) for plan in plans]
