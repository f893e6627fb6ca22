-- Whether these operations have ended, whosever they are: what they left where others work may go then. One that does not
-- come back may be another deployment's, and run. No condition on the end, lest the index of what has ended be walked.
SELECT o.id, o.done FROM unnest($1::uuid[]) AS asked (id) JOIN operations o ON o.id = asked.id
