"""Pytest imports the benchmarks when it looks for doctests: let them find the module beside them, as a script does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
