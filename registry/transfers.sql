-- name: hold_offered
-- The terminals in scope that are to change hands, held against other changes of owner.
select t.id, t.code, t.profile_id, t.region_code, t.group_client_id, t.state = 'retired' as retired,
    coalesce(%(at)s, now()) <= t.owner_since as too_early
from registry.terminal t
where t.code = any (%(codes)s::text[])
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by t.id for share;

-- name: find_side
-- A client as a side of a transfer, by number or by code.
select id, code, name from registry.transfer_side(%(id)s, %(code)s);

-- name: insert_transfer
-- A transfer that waits for consent: until its own time, where that is to come, but never long.
insert into registry.transfer (proposer, giving_id, giving_code, receiving_id, receiving_code, terminals, region_low, region_high,
    effective_at, keep_description, message, expires_at)
values (%(proposer)s, %(giving_id)s, %(giving_code)s, %(receiving_id)s, %(receiving_code)s, %(terminals)s, %(region_low)s, %(region_high)s,
    %(at)s, %(keep_description)s, %(message)s,
    least(now() + make_interval(days => %(days)s), case when %(at)s::timestamptz > now() then %(at)s::timestamptz end))
returning id;

-- name: insert_terminals
-- What it is of.
insert into registry.transfer_terminal (transfer_id, terminal_id, terminal_code, profile_id)
select %(transfer_id)s, * from unnest(%(ids)s::int4[], %(codes)s::text[], %(profile_ids)s::int4[]);

-- name: insert_step
-- What was done of it, for which client, by whoever is acting.
insert into registry.transfer_step (transfer_id, act, side, group_client_id, actor, evidence)
values (%(transfer_id)s, %(act)s, %(side)s, %(group_client_id)s, registry.acting(), %(evidence)s);

-- name: list_transfers
-- One page of the transfers in scope, newest first. Who is no side of one, and over none, sees that it is.
select t.id, t.state, t.proposer, t.giving_id, t.receiving_id, t.giving_code is null as given_by_operator,
    t.receiving_code is null as received_by_operator, p.giving_seen, p.receiving_seen, t.giving_agreed_at, t.receiving_agreed_at,
    case when p.party then t.giving_code end as giving_code, case when p.party then t.giving_name end as giving_name,
    case when p.party then t.receiving_code end as receiving_code, case when p.party then t.receiving_name end as receiving_name,
    t.terminals, t.effective_at, t.keep_description, case when p.party then t.message end as message, t.proposed_at, t.expires_at,
    t.ended_at, case when p.party then t.end_reason end as end_reason, t.version,
    (select s.at from registry.transfer_step s where s.transfer_id = t.id and s.act = 'credentials') as credentials_at
from registry.transfer t
cross join lateral (select
    t.giving_id is not null and (%(everything)s or t.giving_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
        and registry.is_party(t.giving_id, null) as giving_seen,
    t.receiving_id is not null and (%(everything)s or t.receiving_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
        and registry.is_party(t.receiving_id, null) as receiving_seen) s
cross join lateral (select s.giving_seen, s.receiving_seen,
    (%(everything)s or s.giving_seen or s.receiving_seen) and registry.is_party(t.giving_id, t.receiving_id) as party) p
where (%(everything)s or p.giving_seen or p.receiving_seen or t.region_low >= %(region_low)s and t.region_high <= %(region_high)s)
    and (%(id)s::int4 is null or t.id = %(id)s)
    and (%(after)s::int4 is null or t.id < %(after)s)
    and (%(states)s::text[] is null or t.state = any (%(states)s::text[]))
    and (%(terminal)s::text is null
        or exists (select from registry.transfer_terminal x where x.transfer_id = t.id and x.terminal_code = %(terminal)s))
order by t.id desc limit %(rows)s;

-- name: hold_transfer
-- One transfer, held against everybody else who would decide on it.
select from registry.transfer t where t.id = %(id)s for update;

-- name: list_terminals
-- One page of the terminals of a transfer that is in scope, by code.
select x.terminal_code as code, p.code as profile_code
from registry.transfer_terminal x join registry.profile p on p.id = x.profile_id
where x.transfer_id = %(id)s and x.terminal_code > %(after)s
order by x.terminal_code limit %(rows)s;

-- name: list_steps
-- What was done of a transfer for the clients in scope, or by the operator, in order.
select s.act, s.side, s.at, s.actor, s.evidence from registry.transfer_step s
where s.transfer_id = %(id)s
    and (%(everything)s or s.group_client_id is null
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by s.id;

-- name: agree
-- Sides agree, and are named from now on; with the second it is agreed, for now if no time was said.
update registry.transfer t set version = t.version + 1,
    giving_agreed_at = case when %(giving)s then now() else t.giving_agreed_at end,
    giving_name = case when %(giving)s then %(giving_name)s else t.giving_name end,
    receiving_agreed_at = case when %(receiving)s then now() else t.receiving_agreed_at end,
    receiving_name = case when %(receiving)s then %(receiving_name)s else t.receiving_name end,
    state = case when (%(giving)s or t.giving_agreed_at is not null) and (%(receiving)s or t.receiving_agreed_at is not null)
        then 'agreed' else t.state end,
    effective_at = case when (%(giving)s or t.giving_agreed_at is not null) and (%(receiving)s or t.receiving_agreed_at is not null)
        then coalesce(t.effective_at, now()) else t.effective_at end
where t.id = %(id)s;

-- name: check_receiver
-- Refused where its tier, or its file, does not let the receiving client take the terminals.
select registry.check_receiver(%(id)s);

-- name: end_transfer
-- It comes to an end, by whoever is acting, for a side or for the operator.
with ended as (
    update registry.transfer set state = %(state)s, ended_at = now(), end_reason = %(reason)s, version = version + 1
    where id = %(id)s returning id, state)
insert into registry.transfer_step (transfer_id, act, side, group_client_id, actor)
select id, state, %(side)s, %(group_client_id)s, registry.acting() from ended;

-- name: take_due
-- The next transfer whose time has come, held against other processes.
select id, giving_id, receiving_id, effective_at, keep_description from registry.transfer
where state = 'agreed' and effective_at <= now() order by effective_at, id limit 1 for update skip locked;

-- name: hold_terminals
-- Its terminals, held in one order, and what may stand in the way of it by now.
select t.id, t.group_client_id is distinct from %(giving_id)s::int4 as owner_changed, t.owner_since >= %(effective_at)s as too_early,
    t.state = 'retired' as retired
from registry.terminal t
where t.id in (select x.terminal_id from registry.transfer_terminal x where x.transfer_id = %(id)s)
order by t.id for update;

-- name: expire
-- What nobody agreed on in time, but for what is being decided on at this moment.
with ended as (
    update registry.transfer set state = 'expired', ended_at = now(), version = version + 1 where id in (
        select id from registry.transfer where state = 'proposed' and expires_at <= now() order by expires_at limit 100
        for update skip locked)
    returning id)
insert into registry.transfer_step (transfer_id, act, actor) select id, 'expired', registry.acting() from ended;

-- name: list_handed_over
-- The terminals that are the receiving side's by this transfer, and still.
select t.id, t.code from registry.transfer_terminal x
join registry.transfer f on f.id = x.transfer_id
join registry.terminal t on t.id = x.terminal_id
where x.transfer_id = %(id)s and t.group_client_id is not distinct from f.receiving_id and t.owner_since = f.effective_at
    and t.state <> 'retired'
order by t.code;

-- name: renew_credentials
-- Give terminals a verifier each, in place of the one they had.
update registry.credential c set verifier = n.verifier, created_at = now(), revoked_at = null
from unnest(%(ids)s::int4[], %(verifiers)s::text[]) n(terminal_id, verifier) where c.terminal_id = n.terminal_id;
