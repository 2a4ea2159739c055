"""Fixtures of the end-to-end tests: a lab per test, or one that a module shares."""
import os
import pathlib
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests/lab"))
from lab import Lab  # noqa: E402


@pytest.fixture
def new_lab():
    """Makes labs that are closed after the test: lab = new_lab(layout="4.1", megabytes=5)."""
    made = []

    def make(**options):
        lab = Lab(build=os.environ.get("DSS_BUILD"), **{"megabytes": 5, "home_megabytes": 1,
                                                       **options})
        made.append(lab)
        return lab

    yield make
    for lab in made:
        lab.close()


@pytest.fixture
def build():
    """The build folder of the programs under test, or None for the lab's own choice."""
    return os.environ.get("DSS_BUILD")
