ALTER TABLE jobs ADD COLUMN sweep_id {UUID};
ALTER TABLE jobs ADD COLUMN schedule_id {UUID};
CREATE INDEX jobs_sweep ON jobs (sweep_id, id) WHERE sweep_id IS NOT NULL;
CREATE INDEX jobs_schedule ON jobs (schedule_id, id) WHERE schedule_id IS NOT NULL;
