DROP TABLE trials;
DROP TABLE sweeps;
