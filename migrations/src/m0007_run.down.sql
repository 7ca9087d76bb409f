DROP INDEX jobs_schedule;
DROP INDEX jobs_sweep;
ALTER TABLE jobs DROP COLUMN schedule_id;
ALTER TABLE jobs DROP COLUMN sweep_id;
