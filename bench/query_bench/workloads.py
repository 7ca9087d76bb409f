"""The workloads: what is asked, with which parameters, and which versions must come back.

Each draws its parameters from a seed, so that all sides answer the same questions and none of them always the same one.
"""
import json
from dataclasses import dataclass
from typing import Callable

import numpy

from . import shape, typeid

PAGE = 50
# Enough that no answer is the one before, few enough to hold them all in the load generator.
DRAWS = 256
# `page 20` begins here; a few places up and down, so that it is not always the same page.
PAGE_20 = range(930, 971)
CHECKED = 16

ROW = "id number createdAt status model { name } createdBy { login } tags { name }"
MAPS = ROW + " hyperparameters { key value } metrics { key last step at }"
LIST = """query ($filter: VersionFilter!, $orderBy: [VersionOrder!]!, $first: Int, $after: String) {
  versions(filter: $filter, orderBy: $orderBy, first: $first, after: $after) { nodes { %s } pageInfo { hasNextPage endCursor } }
}"""
CURSORS = """query ($filter: VersionFilter!, $first: Int, $after: String) {
  versions(filter: $filter, first: $first, after: $after) { edges { cursor } pageInfo { endCursor } } }"""
ONE = "query ($id: ID!) { version(id: $id) { %s } }" % MAPS
HISTORY = "query ($id: ID!) { version(id: $id) { id metrics(keys: [\"%s\"]) { key points(maxPoints: 1000) { step at value } } } }"
OF_MODEL = """query ($project: ID!, $name: String!) { modelByName(project: $project, name: $name) {
  versions(first: 50) { nodes { %s } pageInfo { hasNextPage endCursor } } } }""" % ROW


def id_text(row):
    return typeid.text("ver", shape.version_id(row))


def project_text(row):
    return typeid.text("prj", shape.project_id(row))


@dataclass
class Workload:
    """`draw` makes parameters, `filter` the GraphQL filter of them, `rows` the row numbers that must come back."""

    name: str
    title: str
    draw: Callable
    filter: Callable = lambda p: {}
    rows: Callable = None
    maps: bool = True
    order: Callable = lambda p: []
    # Pages are reached by cursor: the filter does not depend on the parameters, `after` does.
    paged: bool = False

    def drawn(self, records):
        """The parameters of all requests, always the same for the same records."""
        random = numpy.random.default_rng([shape.SEED, records.count, sum(self.name.encode())])
        return [self.draw(random, records) for _ in range(DRAWS)]

    def body(self, p, cursors=None):
        """The request's JSON."""
        if self.name == "09":
            return _json(ONE, id=id_text(p["row"]))
        if self.name == "11":
            return _json(HISTORY % shape.SERIES, id=id_text(p["row"]))
        if self.name == "13":
            return _json(OF_MODEL, project=project_text(p["project"]), name=p["name"])
        after = cursors[p["skip"] - 1] if self.paged else None
        return _json(LIST % (MAPS if self.maps else ROW), filter=self.filter(p), orderBy=self.order(p), first=PAGE, after=after)

    def check(self, p, records, data):
        """What is wrong with an answer, if anything."""
        if self.name == "11":
            points = data["version"]["metrics"][0]["points"]
            values = records.series[records.series_rows.index(p["row"])]
            return None if [point["value"] for point in points] == values else "the series is another one"
        nodes = _nodes(data)
        expected = [id_text(row) for row in self.rows(p, records)]
        found = [node["id"] for node in nodes]
        if self.name == "10":
            expected, found = sorted(expected), sorted(found)
        if found != expected:
            return f"{len(found)} versions came back ({found[:3]}…), expected {len(expected)} ({expected[:3]}…) for {p}"
        for node in nodes:
            maps = (len(node["hyperparameters"]), len(node["metrics"])) if self.maps else (10, 8)
            if len(node["tags"]) != 3 or maps not in ((10, 8), (10, 9)):
                return f"{node['id']} lacks something of its maps"
        return None


def _nodes(data):
    if "version" in data:
        return [data["version"]]
    return (data.get("versions") or data["modelByName"]["versions"])["nodes"]


def _json(document, **variables):
    return json.dumps({"query": document, "variables": variables}, separators=(",", ":"))


def cursors(ask, filter, wanted):
    """The cursors of the first `wanted` versions, in order."""
    found, after = [], None
    while len(found) < wanted:
        body = _json(CURSORS, filter=filter, first=100, after=after)
        page = ask(body)[0]["versions"]
        if not page["edges"]:
            break
        found += [edge["cursor"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    return found


def _newest(mask, skip=0):
    rows = numpy.flatnonzero(mask)[::-1] + 1
    return rows[skip:skip + PAGE].tolist()


def _best(records, p):
    values = records.metrics[p["metric"]]
    rows = numpy.flatnonzero(records.project == p["project"]) if "project" in p else numpy.arange(records.count)
    order = rows[numpy.argsort(values[rows], kind="stable")]
    return ((order[::-1] if p["descending"] else order)[:PAGE] + 1).tolist()


def _project(random):
    return int(random.integers(1, shape.PROJECTS + 1))


def _choice(random, values):
    return values[int(random.integers(0, len(values)))]


def _above(random, records, low=0.04, high=0.11):
    """A threshold of auc that this share of versions is above."""
    return records.quantile("auc", random.uniform(low, high))


def _order(random):
    # The metrics whose largest values are the good ones, and two of the others.
    metric = _choice(random, ["auc", "f1", "precision", "recall", "accuracy", "loss", "rmse"])
    return {"metric": metric, "descending": metric not in ("loss", "rmse")}


def _metric(key, **test):
    return {"metric": {"key": key, "value": test}}


def _text(key, value):
    return {"hyperparameter": {"key": key, "value": {"string": {"eq": value}}}}


def _tag(name):
    return {"tag": {"name": {"eq": name}}}


def _in(project):
    return {"project": {"eq": project_text(project)}}


def _order_by(p):
    return [{"metric": {"key": p["metric"], "direction": "DESC" if p["descending"] else "ASC"}}]


def _draw_04(random, records):
    return {
        "auc": _above(random, records, 0.3, 0.5),
        "loss": records.quantile("loss", random.uniform(0.3, 0.5), above=False),
        "optimizer": _choice(random, shape.CHOICES["optimizer"]),
        "kernel": _choice(random, shape.CHOICES["kernel"]),
        "team": _choice(random, shape.TEAMS),
    }


def _rows_04(p, r):
    h, m = r.hyperparameters, r.metrics
    team = r.tags[0] == shape.TEAMS.index(p["team"])
    return _newest((m["auc"] > p["auc"]) & (m["loss"] < p["loss"]) & (h["optimizer"] == p["optimizer"])
                   & (h["kernel"] == p["kernel"]) & team)


def _rows_07(p, r):
    models = numpy.array([name.startswith(p["pair"] + "-") for name in r.name])
    return _newest(models[r.model])


def _draw_13(random, records):
    model = int(random.integers(0, records.models))
    return {"model": model, "name": records.name[model], "project": model % shape.PROJECTS + 1}


def _draw_15(random, records):
    return {"team": _choice(random, shape.TEAMS), "dataset": _choice(random, shape.DATASETS)}


def _rows_15(p, r):
    return _newest((r.tags[0] == shape.TEAMS.index(p["team"])) & (r.tags[1] == shape.DATASETS.index(p["dataset"])))


def _every(records):
    return numpy.ones(records.count, dtype=bool)


PAIR = lambda random, r: {"pair": f"{_choice(random, shape.ADJECTIVES)}-{_choice(random, shape.NOUNS)}"}
SKIP = lambda random, r: {"skip": int(random.integers(PAGE_20.start, PAGE_20.stop))}

WORKLOADS = [
    Workload("01", "newest 50 of a project", lambda random, r: {"project": _project(random)},
             lambda p: _in(p["project"]), lambda p, r: _newest(r.project == p["project"])),
    Workload("02", "auc > t (4 to 11 %), newest 50", lambda random, r: {"auc": _above(random, r)},
             lambda p: _metric("auc", gt=p["auc"]), lambda p, r: _newest(r.metrics["auc"] > p["auc"])),
    Workload("03", "auc > t and optimizer = x",
             lambda random, r: {"auc": _above(random, r), "optimizer": _choice(random, shape.CHOICES["optimizer"])},
             lambda p: {**_metric("auc", gt=p["auc"]), **_text("optimizer", p["optimizer"])},
             lambda p, r: _newest((r.metrics["auc"] > p["auc"]) & (r.hyperparameters["optimizer"] == p["optimizer"]))),
    Workload("04", "2 metric ranges, 2 hyperparameters, a tag", _draw_04,
             lambda p: {"and": [_metric("auc", gt=p["auc"]), _metric("loss", lt=p["loss"]), _text("optimizer", p["optimizer"]),
                                _text("kernel", p["kernel"]), _tag(p["team"])]}, _rows_04),
    Workload("05", "top 50 by a metric in a project", lambda random, r: {"project": _project(random), **_order(random)},
             lambda p: _in(p["project"]), lambda p, r: _best(r, p), order=_order_by),
    Workload("06", "top 50 by a metric over all", lambda random, r: _order(random), rows=lambda p, r: _best(r, p), order=_order_by),
    Workload("07", "name contains a pair", PAIR, lambda p: {"name": {"contains": p["pair"]}}, _rows_07),
    Workload("08", "page 20 of the newest", SKIP, rows=lambda p, r: _newest(_every(r), p["skip"]), paged=True),
    Workload("08b", "page 20 of auc > 0.8", SKIP, lambda p: _metric("auc", gt=0.8),
             lambda p, r: _newest(r.metrics["auc"] > 0.8, p["skip"]), paged=True),
    Workload("08k", "page 20 of the newest, by keyset", SKIP, rows=lambda p, r: _newest(_every(r), p["skip"]), paged=True),
    Workload("09", "one by id", lambda random, r: {"row": int(random.integers(1, r.count + 1))}, rows=lambda p, r: [p["row"]]),
    Workload("10", "compare 20 by id",
             lambda random, r: {"rows": sorted((random.choice(r.count, 20, replace=False) + 1).tolist())},
             lambda p: {"id": {"in": [id_text(row) for row in p["rows"]]}}, lambda p, r: p["rows"]),
    Workload("11", "a series of 1000 points", lambda random, r: {"row": _choice(random, r.series_rows)}),
    Workload("12", "auc > t in a project", lambda random, r: {"project": _project(random), "auc": _above(random, r)},
             lambda p: {**_in(p["project"]), **_metric("auc", gt=p["auc"])},
             lambda p, r: _newest((r.project == p["project"]) & (r.metrics["auc"] > p["auc"]))),
    Workload("13", "versions of a model", _draw_13, rows=lambda p, r: _newest(r.model == p["model"]), maps=False),
    Workload("14", "newest versions over all", lambda random, r: {}, rows=lambda p, r: _newest(_every(r)), maps=False),
    Workload("15", "versions by two tags", _draw_15,
             lambda p: {"and": [_tag(p["team"]), _tag(p["dataset"])]}, _rows_15, maps=False),
]
