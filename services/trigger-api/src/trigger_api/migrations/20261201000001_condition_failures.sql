-- migrate:up

-- How often the condition of a trigger could not be evaluated, and why the last time.
ALTER TABLE trigger_api.trigger_activity
    ADD COLUMN condition_version   integer,
    ADD COLUMN condition_sha256    text,
    ADD COLUMN condition_failures  bigint,
    ADD COLUMN condition_failed_at timestamptz,
    ADD COLUMN condition_detail    text;

-- migrate:down

ALTER TABLE trigger_api.trigger_activity
    DROP COLUMN condition_detail,
    DROP COLUMN condition_failed_at,
    DROP COLUMN condition_failures,
    DROP COLUMN condition_sha256,
    DROP COLUMN condition_version;
