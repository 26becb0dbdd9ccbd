-- A login of a ClickHouse server that reads one tenant's rows: replace {tenant} and {sha256}, run it as an administrator.
-- Not run by anything here: the embedded warehouse does the same by itself, and has no users of its own to create.
--
-- Once a table has a policy, a user without one sees no row: the first policy of each table gives all rows to all users,
-- and the last two take the other tenants' rows from this one.
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
