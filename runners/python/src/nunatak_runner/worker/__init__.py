"""The loop of a runner: claim, fetch, have it computed, deliver. Knows leases, cancelling and caching, and no mathematics."""
