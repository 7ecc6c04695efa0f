"""What every notebook needs first: the project on the path, and the packages that it uses."""

import importlib.util
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))
if not all(map(importlib.util.find_spec, ("matplotlib", "pandas", "PIL", "sklearn", "wfdb"))):
    requirements = str(PROJECT / "requirements.txt")
    subprocess.run([sys.executable, "-m", "pip", "install", "-r", requirements], check=True)
