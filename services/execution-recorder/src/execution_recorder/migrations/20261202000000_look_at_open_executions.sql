-- migrate:up
-- When Temporal is asked next how far an execution without an end is. The default is also for the rows of an older
-- release, which goes on adding them while this one is rolled out; it is constant, so no row is rewritten.
ALTER TABLE execution_recorder.trigger_executions
    ADD COLUMN next_look_at timestamptz NOT NULL DEFAULT now() + interval '15 seconds';

CREATE INDEX trigger_executions_open ON execution_recorder.trigger_executions (next_look_at)
    WHERE completed_at IS NULL;

-- migrate:down
ALTER TABLE execution_recorder.trigger_executions DROP COLUMN next_look_at;
