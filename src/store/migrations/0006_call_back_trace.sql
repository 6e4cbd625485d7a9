-- The first calls back of a session, one list of values each; null where there were none.
ALTER TABLE sessions ADD COLUMN call_back_trace TEXT;
