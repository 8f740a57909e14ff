"""Puts the example subjects on the path: they are importable targets, as a user's are."""

import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent / "examples"
if str(EXAMPLES) not in sys.path:
    sys.path.insert(0, str(EXAMPLES))
