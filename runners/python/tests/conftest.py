"""What all tests share."""

import os
import sys
from pathlib import Path

# As the runner sets it for the processes that compute; many threads for few rows are slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))
