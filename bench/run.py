"""The benchmark against stock LiteLLM: ``python bench/run.py [--quick] [--against NAME=VALUE]``."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the package is found from any directory
    sys.exit(importlib.import_module("bench.cli").main())
