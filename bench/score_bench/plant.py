"""A server with trained versions to score with."""
import json
import time
import urllib.request

from query_bench.server import Nunatak
from score_bench.table import DATA

# 100 trees of 256 rows are the defaults on both sides.
TRAINED = {"isolation_forest": {"n_estimators": 100, "max_samples": 256}, "ecod": {}}

SCORE = """query ($input: ScoreInput!) { score(input: $input) {
  result { threshold scores { score label } } userErrors { message } } }"""


class Plant:
    """The server with its embedded runner, and by detector the version that it trained."""

    def __init__(self, binary, directory):
        self.server = Nunatak("nunatak", binary, directory)
        self.server.environment |= {"NUNATAK_RUNNER_EMBEDDED": "true", "NUNATAK_ADMIN_PASSWORD": "a password for benches"}
        self.server.command("admin", "create", "--login", "bench")
        self.server.start()
        space = self.make("createWorkspace", "workspace", name="bench")
        self.project = self.make("createProject", "project", workspace=space, name="scores")
        dataset = self.dataset()
        self.versions = {name: self.train(name, settings, dataset) for name, settings in TRAINED.items()}
        for name, version in self.versions.items():
            self.ask("mutation ($i: MoveAliasInput!) { moveAlias(input: $i) { userErrors { message } } }",
                     i={"version": version, "name": "champion"})

    def ask(self, document, **variables):
        return self.server.ask(json.dumps({"query": document, "variables": variables}))[0]

    def make(self, mutation, noun, **values):
        kind = mutation[0].upper() + mutation[1:]
        document = f"mutation ($i: {kind}Input!) {{ {mutation}(input: $i) {{ {noun} {{ id }} userErrors {{ message }} }} }}"
        return self.ask(document, i=values)[mutation][noun]["id"]

    def dataset(self):
        body = DATA.read_bytes()
        made = self.ask("mutation ($i: CreateUploadInput!) { createUpload(input: $i) { upload { id url } userErrors { message } } }",
                        i={"project": self.project, "fileName": DATA.name, "size": len(body)})["createUpload"]["upload"]
        request = urllib.request.Request(self.server.base + made["url"], body, self.server.headers, method="PUT")
        urllib.request.urlopen(request).read()
        self.ask("mutation ($u: ID!) { completeUpload(input: {id: $u}) { userErrors { message } } }", u=made["id"])
        made = self.ask("""mutation ($i: CreateDatasetInput!) { createDataset(input: $i) { dataset { latestVersion { id } }
                           userErrors { message } } }""",
                        i={"project": self.project, "name": "shuttle", "upload": made["id"], "labelColumn": "label"})
        return made["createDataset"]["dataset"]["latestVersion"]["id"]

    def train(self, detector, settings, dataset):
        wanted = {"project": self.project, "model": detector, "detector": detector, "hyperparameters": settings, "dataset": dataset}
        for _ in range(100):
            made = self.ask("mutation ($i: TrainModelInput!) { trainModel(input: $i) { job { id } userErrors { message } } }", i=wanted)
            if made["trainModel"]["job"]:
                break
            time.sleep(0.1)  # the runner has not registered yet
        job = made["trainModel"]["job"]["id"]
        while True:
            found = self.ask("query ($id: ID!) { job(id: $id) { status error { message } version { id } } }", id=job)["job"]
            if found["version"]:
                return found["version"]["id"]
            assert found["status"] in ("QUEUED", "RUNNING"), found
            time.sleep(0.1)

    def question(self, detector, columns, rows):
        """By alias, as a program would that does not want to know versions."""
        wanted = {"project": self.project, "modelName": detector, "alias": "champion", "columns": columns, "rows": rows}
        return json.dumps({"query": SCORE, "variables": {"input": wanted}})

    def stop(self):
        self.server.stop()
