"""Which detector is measured beside what."""
from dataclasses import dataclass, field

PACKAGES = ["pyod==3.6.7", "scikit-learn==1.9.1"]
SERIES_PACKAGES = ["stumpy==1.14.1", "river==0.26.1"]


@dataclass(frozen=True)
class Pair:
    name: str
    # What it is measured beside, for people; the code that runs it is in `peer`. None: nothing there does the same.
    beside: str | None
    hyperparameters: dict = field(default_factory=dict)
    # The detector's name where it is not the pair's.
    detector: str = ""
    # PyOD scores the training rows while it fits: then both steps of ours count as the fit.
    fit_scores: bool = True
    # Evenly spaced rows of the table at most, where more would take the peer minutes.
    most_rows: int | None = None

    @property
    def kind(self):
        return self.detector or self.name


# Tables are standardised on both sides wherever ours does it by default; seeds are 0.
TABULAR = [
    Pair("isolation_forest", "scikit-learn IsolationForest", {"n_estimators": 100, "max_samples": 256}, fit_scores=False),
    Pair("extended_isolation_forest", None),
    Pair("knn", "PyOD KNN", {"n_neighbors": 20}),
    Pair("lof", "PyOD LOF", {"n_neighbors": 20}),
    Pair("pca", "PyOD PCA"),
    Pair("mahalanobis", "scikit-learn EmpiricalCovariance", fit_scores=False),
    Pair("mcd", "PyOD MCD"),
    Pair("ecod", "PyOD ECOD"),
    Pair("copod", "PyOD COPOD"),
    Pair("hbos", "PyOD HBOS", {"n_bins": 10}),
    Pair("gaussian_mixture", "PyOD GMM, 1 component", {"n_components": 1}),
    Pair("gaussian_mixture_4", "PyOD GMM, 4 components", {"n_components": 4}, detector="gaussian_mixture"),
    Pair("one_class_svm", "PyOD OCSVM, the same 5,000 rows", {"max_samples": 5_000}, most_rows=5_000),
    Pair("sgd_one_class_svm", "scikit-learn Nystroem, SGDOneClassSVM", {"n_components": 100}, fit_scores=False),
    Pair("inne", "PyOD INNE", {"n_estimators": 200, "max_samples": 8}),
    Pair("kmeans", "scikit-learn KMeans, distance", {"n_clusters": 8, "n_init": 1}, fit_scores=False),
    Pair("cblof", "PyOD CBLOF", {"n_clusters": 8}),
    Pair("loda", "PyOD LODA", {"n_random_cuts": 100, "n_bins": 10}),
    Pair("dbscan", None, most_rows=10_000),
    # scikit-learn's does not score new rows.
    Pair("hdbscan", None, most_rows=10_000),
    Pair("decision_tree", "scikit-learn DecisionTreeClassifier", fit_scores=False),
    Pair("random_forest", "scikit-learn RandomForestClassifier", {"n_estimators": 100}, fit_scores=False),
    Pair("gaussian_nb", "scikit-learn GaussianNB", fit_scores=False),
]

# Each side makes the windows itself.
SERIES = [
    Pair("sub_knn", "PyOD KNN on windows", {"window": 125, "n_neighbors": 20}),
    # Fitting compares nothing yet: scoring the training rows is the self-join that stumpy makes.
    Pair("matrix_profile", "stumpy stump", {"window": 125, "mode": "self_join"}, fit_scores=False),
    Pair("half_space_trees", "River HalfSpaceTrees", {"n_trees": 25, "height": 8, "window_size": 250, "window": 1}, fit_scores=False),
]

# Of these it is measured how they grow with the rows.
GROWING = ["isolation_forest", "hbos", "ecod", "pca", "half_space_trees"]
