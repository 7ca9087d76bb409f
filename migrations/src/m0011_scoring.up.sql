ALTER TABLE runners ADD COLUMN scoring_url {TEXT};
ALTER TABLE runners ADD COLUMN scoring_secret {TEXT};
