-- migrate:up
CREATE SCHEMA IF NOT EXISTS execution_recorder;

CREATE TABLE execution_recorder.trigger_executions (
    id uuid PRIMARY KEY,
    workspace text NOT NULL,
    trigger_id uuid NOT NULL,
    trigger_type text NOT NULL,
    trigger_name text,
    workflow_id uuid NOT NULL,
    workflow_version integer,
    status text NOT NULL,
    -- json keeps the text exactly; jsonb refuses \u0000 and rewrites numbers.
    payload json,
    outputs json,
    error json,
    cause_kind text NOT NULL,
    cause_id text NOT NULL,
    temporal_workflow_id text,
    temporal_run_id text,
    accepted_at timestamptz NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    CONSTRAINT trigger_executions_status CHECK (
        status IN ('accepted', 'running', 'completed', 'failed', 'cancelled', 'timed_out', 'terminated')
    ),
    CONSTRAINT trigger_executions_end CHECK (
        (completed_at IS NULL) = (status IN ('accepted', 'running'))
    )
);

CREATE INDEX trigger_executions_newest
    ON execution_recorder.trigger_executions (workspace, accepted_at DESC, id DESC);
CREATE INDEX trigger_executions_of_trigger
    ON execution_recorder.trigger_executions (workspace, trigger_id, accepted_at DESC, id DESC);
CREATE INDEX trigger_executions_of_workflow
    ON execution_recorder.trigger_executions (workspace, workflow_id, accepted_at DESC, id DESC);
CREATE INDEX trigger_executions_by_status
    ON execution_recorder.trigger_executions (workspace, status, accepted_at DESC, id DESC);

CREATE TABLE execution_recorder.webhook_logs (
    id uuid PRIMARY KEY,
    -- NULL where the trigger is unknown: such a request belongs to nobody.
    workspace text,
    trigger_id uuid,
    workflow_id uuid,
    execution_id uuid,
    request_id text NOT NULL,
    request_method text NOT NULL,
    request_path text NOT NULL,
    request_headers json NOT NULL,
    request_query json NOT NULL,
    request_body bytea NOT NULL,
    request_body_sha256 text NOT NULL,
    response_status integer NOT NULL,
    response_body text NOT NULL,
    rejection_reason text,
    error text,
    ip_address text,
    user_agent text,
    processing_time_ms double precision NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX webhook_logs_newest
    ON execution_recorder.webhook_logs (workspace, created_at DESC, id DESC)
    WHERE workspace IS NOT NULL;
CREATE INDEX webhook_logs_of_trigger
    ON execution_recorder.webhook_logs (workspace, trigger_id, created_at DESC, id DESC)
    WHERE workspace IS NOT NULL;
CREATE INDEX webhook_logs_by_status
    ON execution_recorder.webhook_logs (workspace, response_status, created_at DESC, id DESC)
    WHERE workspace IS NOT NULL;
CREATE INDEX webhook_logs_by_reason
    ON execution_recorder.webhook_logs (workspace, rejection_reason, created_at DESC, id DESC)
    WHERE workspace IS NOT NULL AND rejection_reason IS NOT NULL;

-- migrate:down
DROP TABLE execution_recorder.webhook_logs;
DROP TABLE execution_recorder.trigger_executions;
