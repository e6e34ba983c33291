-- migrate:up
-- For pruning, which looks for the oldest rows of all workspaces.
CREATE INDEX webhook_logs_by_age ON execution_recorder.webhook_logs (created_at);
CREATE INDEX trigger_executions_by_end ON execution_recorder.trigger_executions (completed_at)
    WHERE completed_at IS NOT NULL;

-- migrate:down
DROP INDEX execution_recorder.trigger_executions_by_end;
DROP INDEX execution_recorder.webhook_logs_by_age;
