-- migrate:up
-- What a request was read as, what makes it the same as another one, and which of its names the log need not hide.
-- All are NULL in rows of an older release, which goes on adding rows while this one is rolled out.
ALTER TABLE execution_recorder.webhook_logs
    ADD COLUMN trigger_version integer,
    ADD COLUMN body_format text,
    ADD COLUMN body_problem text,
    ADD COLUMN idempotency_key text,
    ADD COLUMN repetition boolean,
    -- Lists of texts.
    ADD COLUMN visible_names json,
    ADD COLUMN json_fields json;

-- For the rows that a request with the same key makes a repetition; there are few, for most have no key.
CREATE INDEX webhook_logs_of_execution ON execution_recorder.webhook_logs (execution_id)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX webhook_logs_repetitions ON execution_recorder.webhook_logs (workspace, created_at DESC, id DESC)
    WHERE workspace IS NOT NULL AND repetition;

-- migrate:down
ALTER TABLE execution_recorder.webhook_logs
    DROP COLUMN trigger_version,
    DROP COLUMN body_format,
    DROP COLUMN body_problem,
    DROP COLUMN idempotency_key,
    DROP COLUMN repetition,
    DROP COLUMN visible_names,
    DROP COLUMN json_fields;
