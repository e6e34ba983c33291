-- migrate:up

CREATE TABLE trigger_api.trigger_events (
    -- In commit order: every append holds one advisory lock from before the number is drawn until
    -- after the commit, so that a reader who has seen n will never find a smaller number later.
    position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream_id      uuid        NOT NULL,
    aggregate      text        NOT NULL CHECK (aggregate IN ('trigger', 'workflow')),
    version        integer     NOT NULL CHECK (version > 0),
    workspace      text        NOT NULL,
    type           text        NOT NULL,
    schema_version smallint    NOT NULL DEFAULT 1,
    -- json, not jsonb: the log keeps what was said to the letter.
    data           json        NOT NULL,
    actor          text        NOT NULL,
    request_id     text        NOT NULL,
    occurred_at    timestamptz NOT NULL,
    UNIQUE (stream_id, version)
);

CREATE TABLE trigger_api.outbox (
    position bigint PRIMARY KEY REFERENCES trigger_api.trigger_events (position),
    subject  text   NOT NULL,
    message  bytea  NOT NULL,
    -- Set where the bus will never take the message, so that it does not hold up the ones behind it.
    refused  text
);

-- Who relays the outbox. Times are this server's, so that the replicas' clocks do not matter.
CREATE TABLE trigger_api.relay_lease (
    name   text        PRIMARY KEY,
    holder uuid        NOT NULL,
    until  timestamptz NOT NULL
);

CREATE TABLE trigger_api.trigger_secrets (
    id         uuid        PRIMARY KEY,
    trigger_id uuid        NOT NULL,
    key_id     text        NOT NULL,
    nonce      bytea       NOT NULL,
    ciphertext bytea       NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX trigger_secrets_of_trigger ON trigger_api.trigger_secrets (trigger_id);

-- Projections: folds of the log, written in the appending transaction.

CREATE TABLE trigger_api.workflows (
    id         uuid        PRIMARY KEY,
    workspace  text        NOT NULL,
    name       text        NOT NULL,
    definition json        NOT NULL,
    version    integer     NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE INDEX workflows_by_workspace ON trigger_api.workflows (workspace, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE trigger_api.workflow_triggers (
    id                   uuid        PRIMARY KEY,
    workspace            text        NOT NULL,
    workflow_id          uuid        NOT NULL,
    name                 text        NOT NULL,
    trigger_type         text        NOT NULL,
    -- json, not jsonb: a kilobyte of numbers like 1e308 would be read back as fifty.
    config               json        NOT NULL,
    enabled              boolean     NOT NULL,
    version              integer     NOT NULL,
    secret_id            uuid,
    temporal_schedule_id text,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    deleted_at           timestamptz
);
CREATE INDEX workflow_triggers_by_workspace ON trigger_api.workflow_triggers (workspace, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX workflow_triggers_by_workflow ON trigger_api.workflow_triggers (workflow_id, id DESC)
    WHERE deleted_at IS NULL;

-- What the bus says of a trigger. Apart from the projection: another writer, and no part of the log.
CREATE TABLE trigger_api.trigger_activity (
    trigger_id        uuid   PRIMARY KEY,
    trigger_count     bigint NOT NULL DEFAULT 0,
    last_triggered_at timestamptz,
    next_fire_times   timestamptz[] NOT NULL DEFAULT '{}',
    schedule_version  integer NOT NULL DEFAULT 0,
    schedule_error    text
);

CREATE TABLE trigger_api.stream_positions (
    follower       text   PRIMARY KEY,
    -- A stream that was made anew counts from 1 again: its positions are other ones.
    stream_created text   NOT NULL,
    position       bigint NOT NULL
);

-- migrate:down

DROP TABLE trigger_api.stream_positions;
DROP TABLE trigger_api.trigger_activity;
DROP TABLE trigger_api.workflow_triggers;
DROP TABLE trigger_api.workflows;
DROP TABLE trigger_api.trigger_secrets;
DROP TABLE trigger_api.relay_lease;
DROP TABLE trigger_api.outbox;
DROP TABLE trigger_api.trigger_events;
