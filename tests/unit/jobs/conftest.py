import os

import pytest
from forked_scripts import Place


@pytest.fixture
def begin(tmp_path):
    """Start a server with these modules, from the test's folder too, and variables."""
    places = []

    def beginner(*modules, **environment):
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        places.append(Place(tmp_path, *modules, **environment))
        return places[-1]

    yield beginner
    for place in places:
        place.parent.process.kill()
        place.parent.end()


@pytest.fixture
def place(begin):
    return begin("wave")
