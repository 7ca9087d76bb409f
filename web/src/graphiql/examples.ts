const BEST_VERSIONS = `# Welcome to Nunatak. Log in above, then press
# Ctrl-Enter to run this query.
#
# It finds the versions of isolation forests that
# were trained with at least 100 trees and reached
# a ROC AUC above 0.9, the best one first.
query BestVersions {
  versions(
    filter: {
      detector: { eq: "isolation_forest" }
      hyperparameter: {
        key: "n_estimators"
        value: { number: { gte: 100 } }
      }
      metric: { key: "roc_auc", value: { gt: 0.9 } }
    }
    orderBy: [
      { metric: { key: "roc_auc", direction: DESC } }
    ]
    first: 10
  ) {
    nodes {
      id
      number
      model { name }
      hyperparameters { key value }
      metrics { key last }
      aliases { name }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

const VERSIONS_PAGE = `# The same list page by page: put the endCursor of
# one answer into the variable "after" (in the pane
# below) to get the page that follows it.
query VersionsPage($first: Int = 5, $after: String) {
  versions(
    # A condition left out no longer narrows the list.
    filter: {
      metric: { key: "roc_auc", value: { gt: 0.9 } }
    }
    orderBy: [
      { metric: { key: "roc_auc", direction: DESC } }
    ]
    first: $first
    after: $after
  ) {
    nodes {
      id
      number
      model { name }
      metrics { key last }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

/** The tabs of somebody who opens the page for the first time. */
export const EXAMPLE_TABS = [
  { query: BEST_VERSIONS },
  { query: VERSIONS_PAGE, variables: JSON.stringify({ first: 5, after: null }, null, 2) },
];

/** What a new tab starts with. */
export const NEW_TAB =
  "# Ctrl-Space completes, Ctrl-Enter runs, and the book at the left explains.\n";
