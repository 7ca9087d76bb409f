ALTER TABLE runners DROP COLUMN scoring_secret;
ALTER TABLE runners DROP COLUMN scoring_url;
