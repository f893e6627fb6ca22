-- What an idempotent create with this key made.
SELECT operation_id, fingerprint FROM create_requests WHERE project_id = $1 AND request_id = $2
