-- Calls of the plugin back to the platform in a session, and how many of them failed or were refused.
ALTER TABLE sessions ADD COLUMN calls_back INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN failed_calls_back INTEGER NOT NULL DEFAULT 0;
