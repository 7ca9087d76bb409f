DROP INDEX IF EXISTS models_trigrams;
DROP INDEX models_by_name;
CREATE INDEX models_by_name ON models (name);
DROP INDEX metrics_project_best;
CREATE INDEX hyperparameters_project ON hyperparameters (project_row, key_id, number, version_row);
DROP INDEX version_tags_name;
ALTER TABLE version_tags DROP COLUMN name_id;
DELETE FROM keys WHERE kind = 3;
DROP TABLE version_maps;
