"""Where things are, and the Python that a benchmark runs its peers in."""
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "target" / "bench"


def venv(name, packages):
    """The Python of a virtual environment with `packages`, made where it is missing; None where pip cannot."""
    python = BENCH / name / "bin" / "python"
    done = BENCH / name / "installed"
    if not done.exists() or done.read_text() != " ".join(packages):
        BENCH.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(BENCH / name)], check=True)
        if subprocess.run([str(python), "-m", "pip", "-q", "install", *packages]).returncode:
            return None
        done.write_text(" ".join(packages))
    return str(python)


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)
