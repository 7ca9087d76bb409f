"""The records: the same for the same size, whoever asks.

N versions over 100 projects of one workspace, about ten a model; ten hyperparameters, eight metrics with a point each,
three tags. A few versions have a series of 1000 points besides.
"""
import numpy

from . import typeid

SEED = 20261121
PROJECTS = 100
WORKSPACE_MICROS = 1_700_000_000_000_000
# A version every three seconds: the newest of a million is then five weeks younger than the oldest.
FIRST_MICROS = 1_750_000_000_000_000
STEP_MICROS = 3_000_000

AUTHORS = ["bench", "ada", "grace", "alan", "edsger", "barbara"]
DETECTORS = ["isolation_forest", "knn", "lof", "ocsvm", "pca", "hbos"]
BRANCHES = ["main", "develop", "feature/window", "feature/seed"]
ADJECTIVES = """amber ancient autumn bitter bold brave bright calm clever cold crimson dark dawn deep dry eager early
 faint fierce frosty gentle golden green hidden icy jolly lively lonely lucky misty noble patient proud quiet rapid
 silent snowy solemn swift wild""".split()
NOUNS = """badger bear bison condor coral crane crow deer dolphin eagle falcon finch fox gecko glacier goose hare
 harbor heron ibex island jackal lake lark lynx meadow moose otter owl panda peak pine raven reef river seal sparrow
 summit tiger wolf""".split()
CHOICES = {
    "algo": ["iforest", "ecod", "copod", "autoencoder"],
    "batch_size": [16, 32, 64, 128, 256],
    "kernel": ["linear", "poly", "rbf", "sigmoid"],
    "optimizer": ["adam", "adamw", "rmsprop", "sgd"],
}
# In the order of bytes, as the maps have them.
HYPERPARAMETERS = ["algo", "batch_size", "depth", "dropout", "kernel", "lr", "n_estimators", "optimizer", "seed", "weight_decay"]
TEXTS = {"algo", "kernel", "optimizer"}
METRICS = ["accuracy", "auc", "f1", "loss", "precision", "recall", "rmse", "train_time_s"]
SERIES = "epoch_loss"
SERIES_VERSIONS = 20
SERIES_POINTS = 1000
TEAMS = [f"team-{number}" for number in range(20)]
DATASETS = [f"data-{number}" for number in range(50)]
STAGES = ["dev", "staging", "production"]
TAGS = TEAMS + DATASETS + STAGES

# The dictionary's ids: hyperparameters (kind 0), metrics (2) and tags (3), one after the other.
KEY_ID = {key: number for number, key in enumerate(HYPERPARAMETERS, 1)}
METRIC_ID = {key: number for number, key in enumerate([*METRICS, SERIES], 1 + len(HYPERPARAMETERS))}
TAG_NAME_ID = {tag: number for number, tag in enumerate(TAGS, 2 + len(HYPERPARAMETERS) + len(METRICS))}

assert len(ADJECTIVES) == len(NOUNS) == 40


def user_id(number):
    return typeid.uuid7(WORKSPACE_MICROS, number)


WORKSPACE_ID = typeid.uuid7(WORKSPACE_MICROS, 1000)


def project_id(row):
    return typeid.uuid7(WORKSPACE_MICROS, 2000 + row)


def tag_id(project_row, place):
    return typeid.uuid7(WORKSPACE_MICROS, 1_000_000 + project_row * 1000 + place)


def model_id(number):
    return typeid.uuid7(FIRST_MICROS - 1, number)


def created_at(row):
    return FIRST_MICROS + row * STEP_MICROS


def version_id(row):
    return typeid.uuid7(created_at(row), row)


class Records:
    """All columns as arrays; index `i` is the version with the row number `i + 1`."""

    def __init__(self, count):
        random = numpy.random.default_rng([SEED, count])
        self.count = count
        self.models = max(count // 10, PROJECTS)
        self.model = random.integers(0, self.models, count)
        self.project = self.model % PROJECTS + 1
        self.number = self._rank(self.model)
        self.next_number = numpy.bincount(self.model, minlength=self.models) + 1
        pairs = random.integers(0, 1600, self.models)
        self.name = [f"{ADJECTIVES[p // 40]}-{NOUNS[p % 40]}-{n}" for n, p in enumerate(pairs.tolist())]
        self.author = random.integers(1, len(AUTHORS), count)
        self.detector = random.integers(0, len(DETECTORS), count)
        self.branch = random.integers(0, len(BRANCHES), count)
        self.tags = [random.integers(0, len(group), count) for group in (TEAMS, DATASETS, STAGES)]
        pick = {key: random.integers(0, len(values), count) for key, values in CHOICES.items()}
        chosen = {key: numpy.array(values)[pick[key]] for key, values in CHOICES.items()}
        self.hyperparameters = {
            **chosen,
            "depth": random.integers(2, 17, count),
            "dropout": random.random(count).round(3) / 2,
            "lr": 10 ** random.uniform(-5, -1, count),
            "n_estimators": random.integers(1, 11, count) * 50,
            "seed": random.integers(0, 1 << 31, count),
            "weight_decay": 10 ** random.uniform(-6, -2, count),
        }
        self.metrics = {
            "accuracy": random.beta(9, 2, count),
            "auc": random.beta(8, 2, count),
            "f1": random.beta(6, 3, count),
            "loss": random.gamma(2.0, 0.25, count),
            "precision": random.beta(7, 3, count),
            "recall": random.beta(6, 2, count),
            "rmse": random.gamma(3.0, 0.5, count),
            "train_time_s": random.lognormal(3.0, 1.0, count),
        }
        # Evenly spread; their curves go down from 2 with noise.
        self.series_rows = numpy.linspace(1, count, SERIES_VERSIONS).astype(int).tolist()
        steps = numpy.arange(SERIES_POINTS)
        noise = random.normal(0, 0.02, (SERIES_VERSIONS, SERIES_POINTS))
        self.series = (2 * numpy.exp(-steps / 250) + noise).tolist()

    @staticmethod
    def _rank(groups):
        """1 for the first of its group, 2 for the second…"""
        order = numpy.argsort(groups, kind="stable")
        grouped = groups[order]
        first = numpy.r_[True, grouped[1:] != grouped[:-1]]
        places = numpy.arange(len(groups))
        starts = numpy.maximum.accumulate(numpy.where(first, places, 0))
        rank = numpy.empty(len(groups), dtype=numpy.int64)
        rank[order] = places - starts + 1
        return rank

    def quantile(self, metric, share, above=True):
        """The threshold that a share of all versions is above (or below)."""
        return float(numpy.quantile(self.metrics[metric], 1 - share if above else share))

    def rows(self, start=0, end=None):
        """Wide rows, as `COLUMNS` has them."""
        for begin in range(start, end or self.count, 10_000):
            yield from self._chunk(slice(begin, min(begin + 10_000, end or self.count)))

    def _chunk(self, part):
        lists = [column[part].tolist() for column in (self.project, self.model, self.number, self.author,
                                                      self.detector, self.branch, *self.tags)]
        hyper = [self.hyperparameters[key][part].tolist() for key in HYPERPARAMETERS]
        hyper = [column if key in TEXTS else list(map(float, column)) for key, column in zip(HYPERPARAMETERS, hyper)]
        metrics = [self.metrics[key][part].tolist() for key in METRICS]
        series = {row: values for row, values in zip(self.series_rows, self.series)}
        hyper_text = "{" + ",".join(f'"{key}":' + ('"%s"' if key in TEXTS else "%r") for key in HYPERPARAMETERS) + "}"
        metric_text = '[%d,"%s",%r,0,%d,%r,%r,1]'
        head = [(METRIC_ID[key], key) for key in METRICS]
        for place, common in enumerate(zip(*lists), part.start):
            row = place + 1
            at = created_at(row)
            h = tuple(column[place - part.start] for column in hyper)
            m = tuple(column[place - part.start] for column in metrics)
            texts = [metric_text % (number, key, value, at, value, value) for (number, key), value in zip(head, m)]
            if row in series:
                values = series[row]
                last = len(values) - 1
                texts.append('[%d,"%s",%r,%d,%d,%r,%r,%d]' % (METRIC_ID[SERIES], SERIES, values[-1], last,
                                                              at + last, min(values), max(values), len(values)))
                texts.sort(key=lambda text: text.split('"')[1])
            yield (row, typeid.hex_of(version_id(row)), at, *common, *h, *m, hyper_text % h, "[" + ",".join(texts) + "]")


COLUMNS = (
    ["row_id", "id", "at", "project_row", "model", "number", "author", "detector", "branch", "team", "dataset", "stage"]
    + [f"h_{key}" for key in HYPERPARAMETERS] + [f"m_{key}" for key in METRICS] + ["hyperparameters", "metrics"]
)


def column_type(name):
    """What PostgreSQL keeps a wide column as; SQLite understands the words, too."""
    if name in ("hyperparameters", "metrics", "id") or name[2:] in TEXTS:
        return "TEXT"
    return "DOUBLE PRECISION" if name[:2] in ("h_", "m_") else "BIGINT"
