-- The class of a key decides how many requests a minute it may make; what a
-- class means stands in the configuration. NULL: the limit of everybody.
ALTER TABLE api_key ADD COLUMN rate_class TEXT;
