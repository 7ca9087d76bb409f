"""The peer: what one writes in an afternoon to serve a model, FastAPI over a scikit-learn model in memory.

    peer.py PORT TABLE.csv

One process: scikit-learn's `score_samples` holds the interpreter's lock for most of its time. No tokens, no permissions, no
versions, no aliases.
"""
import csv
import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.ensemble import IsolationForest


class Rows(BaseModel):
    columns: list[str]
    rows: list[list[float]]


def table(path):
    with open(path) as file:
        reader = csv.reader(file)
        header = next(reader)
        return header[:-1], np.array([[float(cell) for cell in row[:-1]] for row in reader])


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    names, values = table(path)
    model = IsolationForest(n_estimators=100, max_samples=256, random_state=0).fit(values)
    app = FastAPI()

    @app.get("/ready")
    def ready():
        return {}

    # `async`, because a thread of a pool for each request costs more than it brings under the lock.
    @app.post("/score")
    async def score(rows: Rows):
        order = [rows.columns.index(name) for name in names]
        scores = -model.score_samples(np.asarray(rows.rows)[:, order])
        return {"scores": scores.tolist(), "labels": (scores > -model.offset_).astype(int).tolist()}

    uvicorn.run(app, port=port, log_level="error")


if __name__ == "__main__":
    main()
