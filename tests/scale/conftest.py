import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("integration", "functions"):
    sys.path.insert(0, str(TESTS / folder))
