ALTER TABLE dataset_versions ADD COLUMN source_format {TEXT};
ALTER TABLE dataset_versions ADD COLUMN source_name {TEXT};
ALTER TABLE dataset_versions ADD COLUMN source_sha256 {TEXT} REFERENCES blobs (sha256);
ALTER TABLE dataset_versions ADD COLUMN source_size BIGINT;
CREATE INDEX dataset_versions_source ON dataset_versions (source_sha256) WHERE source_sha256 IS NOT NULL;
