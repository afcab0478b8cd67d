-- name: insert_job
-- Something to be done, in the scope of who asks for it.
insert into registry.job (kind, subject, asked_by, region_low, region_high, total)
values (%(kind)s, %(subject)s, %(asked_by)s, %(low)s, %(high)s, %(total)s)
returning id, kind, subject, asked_by, asked_at, state, done, total, started_at, finished_at, attempts, problem;

-- name: list_jobs
-- One page of the jobs that the scope sees, newest first.
select j.id, j.kind, j.subject, j.asked_by, j.asked_at, j.state, j.done, j.total, j.started_at, j.finished_at, j.attempts, j.problem
from registry.job j
where (%(everything)s or j.asked_by = %(actor)s or j.region_low >= %(region_low)s and j.region_high <= %(region_high)s)
    and (%(id)s::int8 is null or j.id = %(id)s)
    and (%(subject)s::int8 is null or j.subject = %(subject)s and starts_with(j.kind, %(area)s))
    and (%(after)s::int8 is null or j.id < %(after)s)
order by j.id desc limit %(rows)s;

-- name: take_job
-- The oldest job that nobody holds, for this holder; those that others are just taking are passed over.
update registry.job j
set state = 'running', holder = %(holder)s, held_until = now() + make_interval(secs => %(seconds)s), attempts = j.attempts + 1,
    started_at = coalesce(j.started_at, now())
where j.id = (
    select w.id from registry.job w
    where w.state in ('queued', 'running') and w.kind = any (%(kinds)s) and coalesce(w.held_until, '-infinity') < now()
    order by w.id limit 1 for update skip locked)
returning id, kind, subject, asked_by, asked_at, state, done, total, started_at, finished_at, attempts, problem;

-- name: fail_hopeless
-- What was begun again and again ends here.
update registry.job set state = 'failed', problem = 'begun_too_often', holder = null, held_until = null, finished_at = now()
where state in ('queued', 'running') and attempts >= %(most)s and coalesce(held_until, '-infinity') < now();

-- name: keep_job
-- Still held, and so far.
update registry.job set held_until = now() + make_interval(secs => %(seconds)s), done = greatest(done, %(done)s)
where id = %(id)s and holder = %(holder)s and state = 'running';

-- name: finish_job
-- Over.
update registry.job set state = %(state)s, problem = %(problem)s, holder = null, held_until = null, finished_at = now(),
    done = case when %(state)s = 'done' then coalesce(total, done) else done end
where id = %(id)s and holder = %(holder)s and state = 'running';

-- name: give_back_job
-- For whoever comes next.
update registry.job set state = 'queued', holder = null, held_until = null
where id = %(id)s and holder = %(holder)s and state = 'running';

-- name: cancel_jobs
-- End what is under way about a subject.
update registry.job j set state = 'cancelled', holder = null, held_until = null, finished_at = now()
where j.subject = %(subject)s and starts_with(j.kind, %(area)s) and j.state in ('queued', 'running')
    and (%(everything)s or j.asked_by = %(actor)s or j.region_low >= %(region_low)s and j.region_high <= %(region_high)s);

-- name: account_in_force
-- What an account may see now, if it is in force.
select role, region_low, region_high, group_client_ids from registry.account_in_force(%(actor)s);
