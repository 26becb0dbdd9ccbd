-- The wait of a case of `queue-wait`, which is a job without an end. Apart, so that a table of an earlier version gets it, too.
ALTER TABLE kept_cases ADD COLUMN IF NOT EXISTS value_ms UInt64 AFTER at
