"""Rows scored at once: the server with its embedded runner beside a FastAPI server with scikit-learn."""
