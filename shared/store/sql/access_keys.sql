-- All access keys there ever were, by name.
SELECT access_key, name, project_id, scopes, key_id, sealed, create_time, revoke_time FROM access_keys ORDER BY name
