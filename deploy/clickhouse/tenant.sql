-- A login of a ClickHouse server that reads one tenant's rows: replace {tenant} and {sha256}, and run it as an administrator.
-- The embedded warehouse does not need it: it enforces the same without users of the engine.
--
-- If a table has a policy, users without a policy see no rows. Therefore the first policy of each table allows all rows for all
-- users, and the last two exclude the other tenants' rows for this user.
CREATE ROW POLICY IF NOT EXISTS everybody ON default.events USING 1 TO ALL;
CREATE ROW POLICY IF NOT EXISTS everybody ON default.otel_traces USING 1 TO ALL;
CREATE USER tenant_{tenant} IDENTIFIED WITH sha256_hash BY '{sha256}' SETTINGS PROFILE 'reads';
GRANT SELECT ON default.events TO tenant_{tenant};
GRANT SELECT ON default.jobs TO tenant_{tenant};
GRANT SELECT ON default.otel_traces TO tenant_{tenant};
CREATE ROW POLICY only_{tenant} ON default.events AS RESTRICTIVE
    USING tenant = '{tenant}' TO tenant_{tenant};
CREATE ROW POLICY only_{tenant} ON default.otel_traces AS RESTRICTIVE
    USING SpanAttributes['queuebit.tenant'] = '{tenant}' TO tenant_{tenant};
