-- Which of these operations have ended, whosever they are: what they left where others work may go. One that is not known
-- here may be another deployment's, and run.
SELECT o.id FROM unnest($1::uuid[]) AS asked (id) JOIN operations o ON o.id = asked.id WHERE o.done
