-- The networks from which a key may be used, as text with commas between. NULL:
-- from anywhere.
ALTER TABLE api_key ADD COLUMN client_cidrs TEXT;

-- Whether the address has polled with a key that is bound to networks: who
-- polls from there is no thief of a key.
ALTER TABLE poller ADD COLUMN bound INTEGER NOT NULL DEFAULT 0
    CHECK (bound IN (0, 1));
