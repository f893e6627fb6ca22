-- Whether anything of a kind waits. Most looks find nothing, and this is much cheaper than a claim that finds nothing.
SELECT EXISTS (SELECT FROM operations WHERE state = 'PENDING' AND kind = $1) AS waiting
