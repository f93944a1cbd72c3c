"""Synthetic tables for the tests of figures."""

import pytest
from figure_tables import tables


@pytest.fixture(scope="module")
def large():
    return tables(large=True)


@pytest.fixture(scope="module")
def small():
    return tables(large=False)
