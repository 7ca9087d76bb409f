DROP INDEX dataset_versions_source;
ALTER TABLE dataset_versions DROP COLUMN source_size;
ALTER TABLE dataset_versions DROP COLUMN source_sha256;
ALTER TABLE dataset_versions DROP COLUMN source_name;
ALTER TABLE dataset_versions DROP COLUMN source_format;
