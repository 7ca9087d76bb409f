ALTER TABLE alias_moves DROP COLUMN promotion_id;
DROP TABLE schedule_runs;
DROP TABLE promotions;
DROP TABLE schedules;
