-- The class of a key decides how many requests a minute it may make; what a
-- class means stands in the configuration. NULL: the limit of everybody.
ALTER TABLE api_key ADD COLUMN rate_class TEXT;

-- The key that takes the place of a rotated one. A key is rotated once: its
-- end was brought forward, and a second successor would inherit that end.
ALTER TABLE api_key ADD COLUMN replaced_by TEXT;
