-- migrate:up
-- How many webhook requests a trigger got, by minute and by hour. Only rows of the log that are new are counted,
-- in their own transaction, so that a message which comes again changes nothing.
CREATE TABLE execution_recorder.webhook_rates (
    workspace text NOT NULL,
    trigger_id uuid NOT NULL,
    span text NOT NULL CONSTRAINT webhook_rates_span CHECK (span IN ('minute', 'hour')),
    starts_at timestamptz NOT NULL,
    -- 'accepted', or the reason of the refusal.
    outcome text NOT NULL,
    requests bigint NOT NULL,
    processing_time_ms double precision NOT NULL,
    PRIMARY KEY (workspace, trigger_id, span, starts_at, outcome)
)
-- The row of the current minute changes with each batch, and none of what changes is in an index: with room on
-- its page it is replaced in place.
WITH (fillfactor = 70);

CREATE INDEX webhook_rates_by_age ON execution_recorder.webhook_rates (span, starts_at);
CREATE INDEX webhook_rates_of_workspace ON execution_recorder.webhook_rates (workspace, span, starts_at);

-- migrate:down
DROP TABLE execution_recorder.webhook_rates;
