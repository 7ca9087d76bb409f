DROP TRIGGER tags_forgotten ON tags;
DROP TRIGGER versions_forgotten ON versions;
DROP FUNCTION forget_tag();
DROP FUNCTION forget_version();
ALTER TABLE hyperparameters
    ADD CONSTRAINT hyperparameters_version_row_fkey FOREIGN KEY (version_row) REFERENCES versions (row_id) ON DELETE CASCADE,
    ADD CONSTRAINT hyperparameters_key_id_fkey FOREIGN KEY (key_id) REFERENCES keys (id);
ALTER TABLE parameters
    ADD CONSTRAINT parameters_version_row_fkey FOREIGN KEY (version_row) REFERENCES versions (row_id) ON DELETE CASCADE,
    ADD CONSTRAINT parameters_key_id_fkey FOREIGN KEY (key_id) REFERENCES keys (id);
ALTER TABLE metrics
    ADD CONSTRAINT metrics_version_row_fkey FOREIGN KEY (version_row) REFERENCES versions (row_id) ON DELETE CASCADE,
    ADD CONSTRAINT metrics_key_id_fkey FOREIGN KEY (key_id) REFERENCES keys (id);
ALTER TABLE metric_points
    ADD CONSTRAINT metric_points_version_row_fkey FOREIGN KEY (version_row) REFERENCES versions (row_id) ON DELETE CASCADE,
    ADD CONSTRAINT metric_points_key_id_fkey FOREIGN KEY (key_id) REFERENCES keys (id);
ALTER TABLE version_tags
    ADD CONSTRAINT version_tags_version_row_fkey FOREIGN KEY (version_row) REFERENCES versions (row_id) ON DELETE CASCADE,
    ADD CONSTRAINT version_tags_tag_id_fkey FOREIGN KEY (tag_id) REFERENCES tags (id) ON DELETE CASCADE;
ALTER TABLE version_maps
    ADD CONSTRAINT version_maps_version_row_fkey FOREIGN KEY (version_row) REFERENCES versions (row_id) ON DELETE CASCADE;
