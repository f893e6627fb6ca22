WITH RECURSIVE uncounted AS MATERIALIZED (
    -- The kinds that count against no limit.
    SELECT ARRAY(SELECT name FROM kinds WHERE NOT counts_against_quotas) AS names
), waiting (project_id, n) AS (
    -- The projects with pending work, one index probe each, at most 100 from the cursor on.
    (SELECT project_id, 1 FROM operations
     WHERE state = 'PENDING' AND kind = $2 AND project_id >= $5
     ORDER BY project_id LIMIT 1)
    UNION ALL
    SELECT (SELECT o.project_id FROM operations o
            WHERE o.state = 'PENDING' AND o.kind = $2 AND o.project_id > w.project_id
            ORDER BY o.project_id LIMIT 1), w.n + 1
    FROM waiting w WHERE w.project_id IS NOT NULL AND w.n < 100
), held AS MATERIALIZED (
    -- The projects with a limit on what runs. No two claims count what runs of one of them at once: who comes second
    -- passes it over, and so does who comes after a claim that its own snapshot does not show (`claims`).
    SELECT p.project_id, p.claims FROM waiting w JOIN projects p ON p.project_id = w.project_id
    WHERE p.running_limit IS NOT NULL AND $2 <> ALL ((SELECT names FROM uncounted)::text[])
    FOR UPDATE OF p SKIP LOCKED
), candidates AS MATERIALIZED (
    SELECT c.id, c.priority, w.project_id,
           -- The n-th of a project counts behind what the project has running: the least served comes first.
           c.place + r.running AS turn
    FROM waiting w
    CROSS JOIN LATERAL (
        -- Once for each project.
        SELECT count(*) AS running FROM operations o
        WHERE o.worker_id IS NOT NULL AND o.project_id = w.project_id
          AND o.kind <> ALL ((SELECT names FROM uncounted)::text[])
    ) r
    CROSS JOIN LATERAL (
        SELECT o.id, o.priority, row_number() OVER (ORDER BY o.priority DESC, o.id) AS place
        FROM operations o
        WHERE o.state = 'PENDING' AND o.kind = $2 AND o.project_id = w.project_id
          AND (o.not_before IS NULL OR o.not_before <= clock_timestamp())
          -- What is overdue is left to the keeper, and takes nobody's place meanwhile.
          AND (o.deadline IS NULL OR o.deadline > clock_timestamp())
        ORDER BY o.priority DESC, o.id
        -- More than asked for: other workers may hold some of them.
        LIMIT $3 * 4
    ) c
), allowed AS MATERIALIZED (
    SELECT c.id, c.priority, c.turn,
           -- What it waits for: nothing, another claim of its project, or the end of what runs.
           CASE WHEN p.project_id IS NULL THEN 'nothing' WHEN h.project_id IS NULL THEN 'claim'
                WHEN c.turn <= p.running_limit THEN 'nothing' ELSE 'end' END AS waits_for
    FROM candidates c
    LEFT JOIN projects p ON p.project_id = c.project_id AND p.running_limit IS NOT NULL
        AND $2 <> ALL ((SELECT names FROM uncounted)::text[])
    LEFT JOIN held h ON h.project_id = p.project_id AND h.claims = p.claims
), alive AS MATERIALIZED (
    -- The lease must stand, and the sweeper (FOR UPDATE) can't end it while this claim is under way. Where there is nothing to
    -- claim nothing is locked: a lock is written to the log, whose disk others wait for.
    SELECT id FROM workers
    WHERE id = $1 AND expires_at > clock_timestamp() AND EXISTS (SELECT FROM candidates)
    FOR KEY SHARE
), taken AS MATERIALIZED (
    SELECT o.id
    FROM (SELECT * FROM allowed WHERE waits_for = 'nothing' ORDER BY turn, priority DESC, id LIMIT $3 * 4) c
    JOIN operations o ON o.id = c.id
    WHERE o.state = 'PENDING' AND o.cancel_requested_at IS NULL AND EXISTS (SELECT FROM alive)
      AND (o.deadline IS NULL OR o.deadline > clock_timestamp())
    ORDER BY c.turn, c.priority DESC, c.id
    LIMIT $3
    FOR UPDATE OF o SKIP LOCKED
), numbered AS MATERIALIZED (
    SELECT id, row_number() OVER () AS n FROM taken
), claimed AS (
    UPDATE operations o SET
        state       = 'RUNNING',
        attempt     = o.attempt + 1,
        -- One fresh nonce for each row, made by the worker.
        nonce       = ($4::uuid[])[numbered.n],
        worker_id   = $1,
        claim_time  = clock_timestamp(),
        start_time  = coalesce(o.start_time, clock_timestamp()),
        not_before  = NULL,
        release_reason = NULL,
        items_per_second = NULL,
        safe_point       = NULL,
        safe_point_time  = NULL,
        -- What can be resumed was done, and is told until the attempt tells more.
        items_done  = CASE WHEN o.checkpoint IS NULL THEN 0 ELSE o.items_done END,
        items_total = CASE WHEN o.checkpoint IS NULL THEN NULL ELSE o.items_total END,
        bytes_done  = CASE WHEN o.checkpoint IS NULL THEN 0 ELSE o.bytes_done END,
        update_time = clock_timestamp(),
        revision    = o.revision + 1
    FROM numbered
    WHERE o.id = numbered.id AND o.state = 'PENDING'
    RETURNING o.*
), counted AS (
    UPDATE projects SET claims = claims + 1
    WHERE project_id IN (SELECT project_id FROM claimed) AND running_limit IS NOT NULL
      AND $2 <> ALL ((SELECT names FROM uncounted)::text[])
)
-- Beside what was claimed: what was left, and the projects behind those that were looked at. No row, if there is nothing to
-- tell.
SELECT l.held_back, l.passed_over, l.look_on, o.id, o.project_id, o.kind, o.spec, o.attempt, o.nonce, o.checkpoint, o.trace_parent, o.failures,
       o.failure_limit, o.retry_initial_millis, o.retry_longest_millis,
       extract(epoch FROM o.deadline - clock_timestamp())::float8 AS deadline_in_seconds,
       extract(epoch FROM clock_timestamp() - o.create_time)::float8 AS waited_seconds
FROM (SELECT EXISTS (SELECT FROM allowed WHERE waits_for = 'end') AS held_back,
             EXISTS (SELECT FROM allowed WHERE waits_for = 'claim') AS passed_over,
             (SELECT max(project_id) FROM waiting HAVING count(project_id) = 100) AS look_on) l
     LEFT JOIN claimed o ON true
WHERE o.id IS NOT NULL OR l.held_back OR l.passed_over OR l.look_on IS NOT NULL
