"""Every call against the schema of this repository's server, and against what a newer or older one would have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nunatak_runner.worker import operations
from nunatak_runner.worker.operations import Features

graphql = pytest.importorskip("graphql")

SCHEMA = Path(os.environ.get("NUNATAK_SCHEMA", Path(__file__).parents[3] / "schema.graphql"))


@pytest.fixture(scope="module")
def schema():
    return graphql.build_schema(SCHEMA.read_text())


def test_the_calls_are_those_that_the_server_has(schema) -> None:
    asked = graphql.graphql_sync(schema, operations.FEATURES)
    assert asked.errors is None
    features = Features.from_data(asked.data)
    documents = [features.claim, features.heartbeat, operations.REGISTER, operations.PROGRESS, operations.COMPLETE]
    documents += [operations.FAIL, operations.CREATE_UPLOAD, operations.COMPLETE_UPLOAD, operations.UPLOAD]
    documents += [operations.DRAIN] if features.drain else []
    documents += [operations.LOGS] if features.logs else []
    for document in documents:
        assert graphql.validate(schema, graphql.parse(document)) == [], document


def test_a_server_that_does_not_show_its_schema_is_taken_to_have_everything() -> None:
    assert Features.from_data({"mutation": None}) == Features()
    assert "rows { first count }" in Features().claim and "token" in Features().heartbeat
    assert "rows" not in Features(rows=False).claim and "token" not in Features(token=False).heartbeat
