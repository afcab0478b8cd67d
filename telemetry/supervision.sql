-- part: in_sums
-- What the scope sees of sums by owner and region: those of all owners together (-1) where that will do, and each owner's else.
and (%(whole)s and t.group_client_id = -1 and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s)
    or %(whole)s and not %(everything)s and not t.region_code between %(region_low)s and %(region_high)s
        and t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))
    or not %(whole)s and t.group_client_id >= 0 and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))))

-- part: managed
-- A client's account manager as a day ended; whom a hand-over at its midnight takes it to has it from the next day on.
left join registry.assignment a on a.group_client_id = c.id and a.role = 'account_manager'
    and a.valid_from < %(ended_at)s and (a.valid_to is null or a.valid_to >= %(ended_at)s)

-- name: roll_up
-- By key: terminals, SIMs and messages by where the terminals are, clients by where they are supervised; now, or as a day
-- had ended. What belongs to no client in sight has the key ''.
with place as (
    select r.code, case when r.level = 'city' and not (%(deep)s and r.code between %(low)s and %(high)s) then r.parent_code else r.code end as under
    from registry.region r where %(low)s::int4 is null or not %(narrowed)s or r.code between %(low)s and %(high)s),
client as (
    select c.id, c.region_code, c.level, c.industry_code, c.tier_code, c.file_state, c.standing, a.person as manager
    from registry.group_client c left join registry.assignment a on %(by)s = 'manager' and a.group_client_id = c.id
        and a.role = 'account_manager' and a.valid_from <= now() and (a.valid_to is null or a.valid_to > now())
    where %(day)s::date is null and (%(ids)s::int4[] is null or c.id = any (%(ids)s))
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(0, -1, %(group_clients)s::int4[])))
    union all
    select c.group_client_id, c.region_code, c.level, c.industry_code, c.tier_code, c.file_state, c.standing, c.manager
    from visible.supervised_client c
    where c.since <= %(day)s and (c.until is null or c.until > %(day)s) and (%(ids)s::int4[] is null or c.group_client_id = any (%(ids)s))
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.group_client_id in (select registry.group_clients_of(0, -1, %(group_clients)s::int4[])))),
keyed as (
    select c.id, c.region_code, c.file_state, c.standing, case %(by)s::text when 'level' then c.level when 'industry' then c.industry_code
        when 'class' then i.class when 'tier' then c.tier_code when 'client' then c.id::text
        when 'manager' then coalesce(c.manager, %(nobody)s) end as key
    from client c join registry.industry i on i.code = c.industry_code),
clients as (
    select coalesce(k.key, p.under::text) as key, count(*) filter (where k.standing = 'prospect') as prospects,
        count(*) filter (where k.standing = 'customer') as customers,
        count(*) filter (where k.standing = 'customer' and k.file_state = 'verified') as verified,
        count(*) filter (where k.standing = 'customer' and k.file_state = 'due') as files_due
    from keyed k join place p on p.code = k.region_code where %(by)s <> 'sector' group by 1),
terminal as (
    select t.group_client_id, t.region_code, f.sector, t.terminals as each, t.state, t.data, f.expected_interval_seconds as seconds
    from visible.tally t join registry.profile f on f.id = t.profile_id
    where %(day)s::date is null and t.terminals <> 0 and (%(ids)s::int4[] is null or t.group_client_id = any (%(ids)s))
        -- with: in_sums
),
counted as (
    select t.group_client_id, t.region_code, t.sector,
        sum(t.each) filter (where t.state = 'registered') as registered, sum(t.each) filter (where t.state = 'provisioned') as provisioned,
        sum(t.each) filter (where t.state = 'testing') as testing, sum(t.each) filter (where t.state = 'in_service') as in_service,
        sum(t.each) filter (where t.state = 'maintenance') as maintenance, sum(t.each) filter (where t.state = 'isolated') as isolated,
        sum(t.each) filter (where t.state = 'retired') as retired, sum(t.each) filter (where t.state = 'in_service' and t.data = 'online') as online,
        sum(t.each * 86400.0 / t.seconds) filter (where t.state = 'in_service') as expected,
        0 as sims_in_use, 0 as sims_bound, 0 as sims_ok, 0 as sims_violated, 0 as received, 0 as stored, 0 as bytes
    from terminal t group by 1, 2, 3
    union all
    select t.group_client_id, t.region_code, t.sector, 0, 0, 0, 0, 0, 0, 0, 0, 0, t.sims_in_use, t.sims_bound, t.sims_ok, t.sims_violated, 0, 0, 0
    from visible.binding_tally t
    where %(day)s::date is null and (%(ids)s::int4[] is null or t.group_client_id = any (%(ids)s))
        -- with: in_sums
    union all
    select d.group_client_id, d.region_code, d.sector, d.registered, d.provisioned, d.testing, d.in_service, d.maintenance, d.isolated, d.retired,
        d.online, d.expected, d.sims_in_use, d.sims_bound, d.sims_ok, d.sims_violated, 0, 0, 0
    from visible.supervision_daily d
    where d.day = %(day)s and (%(ids)s::int4[] is null or d.group_client_id = any (%(ids)s))
        and (%(whole)s and d.group_client_id = -1 and (%(everything)s or d.region_code between %(region_low)s and %(region_high)s)
            or (%(whole)s and not %(everything)s and not d.region_code between %(region_low)s and %(region_high)s
                    or not %(whole)s and not %(everything)s and d.group_client_id >= 0)
                and (d.supervised_in between %(region_low)s and %(region_high)s
                    or d.group_client_id in (select registry.group_clients_of(0, -1, %(group_clients)s::int4[])))
            or not %(whole)s and d.group_client_id >= 0 and (%(everything)s or d.region_code between %(region_low)s and %(region_high)s))
    union all
    select m.group_client_id, m.region_code, m.sector, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, m.received, m.stored, m.bytes
    from visible.completeness_daily m
    where m.day = %(utc_day)s and (%(ids)s::int4[] is null or m.group_client_id = any (%(ids)s))
        and (%(everything)s or m.region_code between %(region_low)s and %(region_high)s
            or m.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))),
terminals as (
    select case %(by)s::text when 'region' then p.under::text when 'sector' then c.sector else coalesce(k.key, '') end as key,
        sum(c.registered) as registered, sum(c.provisioned) as provisioned, sum(c.testing) as testing, sum(c.in_service) as in_service,
        sum(c.maintenance) as maintenance, sum(c.isolated) as isolated, sum(c.retired) as retired, sum(c.online) as online,
        sum(c.expected) * %(share_of_day)s as expected, sum(c.sims_in_use) as sims_in_use, sum(c.sims_bound) as sims_bound, sum(c.sims_ok) as sims_ok,
        sum(c.sims_violated) as sims_violated, sum(c.received) as received, sum(c.stored) as stored, sum(c.bytes) as bytes
    from counted c join place p on p.code = c.region_code left join keyed k on k.id = c.group_client_id
    group by 1)
select key, coalesce(t.registered, 0)::int8 as registered, coalesce(t.provisioned, 0)::int8 as provisioned, coalesce(t.testing, 0)::int8 as testing,
    coalesce(t.in_service, 0)::int8 as in_service, coalesce(t.maintenance, 0)::int8 as maintenance, coalesce(t.isolated, 0)::int8 as isolated,
    coalesce(t.retired, 0)::int8 as retired, coalesce(t.online, 0)::int8 as online, t.expected::int8 as expected,
    coalesce(t.sims_in_use, 0)::int8 as sims_in_use, coalesce(t.sims_bound, 0)::int8 as sims_bound, coalesce(t.sims_ok, 0)::int8 as sims_ok,
    coalesce(t.sims_violated, 0)::int8 as sims_violated, coalesce(t.received, 0)::int8 as received, coalesce(t.stored, 0)::int8 as stored,
    coalesce(t.bytes, 0)::int8 as bytes, coalesce(c.prospects, 0)::int8 as prospects, coalesce(c.customers, 0)::int8 as customers,
    coalesce(c.verified, 0)::int8 as verified, coalesce(c.files_due, 0)::int8 as files_due
from terminals t full join clients c using (key)
where key is not null;

-- name: list_clients
-- The next clients in sight by code: supervised there, or with terminals there.
select c.id, c.code, c.name from registry.group_client c
where c.code > %(after)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(0, -1, %(group_clients)s::int4[])))
    and (not %(narrowed)s or c.region_code between %(low)s and %(high)s or exists (
        select from visible.tally t where t.group_client_id = c.id and t.region_code between %(low)s and %(high)s and t.terminals > 0))
order by c.code limit %(rows)s;

-- name: list_industries
-- What industries there are.
select code as key, title_zh, title_en from registry.industry;

-- name: list_tiers
-- What tiers there are.
select code as key, title_zh, title_en from registry.tier;

-- name: read_clocks
-- Until when the present is known, and when bindings were counted.
select case when r.complete then r.as_of end as as_of, s.bindings_at from visible.roll_call_clock r, visible.supervision_clock s;

-- name: list_days
-- The days that were taken, newest first.
select day, ended_at, taken_at from visible.supervision_day order by day desc limit %(rows)s;

-- name: find_day
-- One of them.
select day, ended_at, taken_at from visible.supervision_day where day = %(day)s;

-- name: count_bindings
-- Count the SIMs in use and their bindings.
select telemetry.count_bindings();

-- name: patience
-- A count of everybody takes longer than a page may.
select set_config('statement_timeout', '600s', true);

-- name: begin_day
-- Begin with a day, unless it or a later one was taken, or who is there was not called since it ended.
insert into telemetry.supervision_day (day, ended_at, taken_at)
select %(day)s, %(ended_at)s, now() from telemetry.roll_call_clock c
where c.complete and c.as_of >= %(ended_at)s and not exists (select from telemetry.supervision_day d where d.day >= %(day)s)
on conflict (day) do nothing;

-- name: end_changed_clients
-- Clients that are not any more as they were noted.
update telemetry.supervised_client s set until = %(day)s
from registry.group_client c
-- with: managed
where c.id = s.group_client_id and s.until is null
    and (s.region_code, s.level, s.industry_code, s.tier_code, s.file_state, s.standing, s.manager)
        is distinct from (c.region_code, c.level, c.industry_code, c.tier_code, c.file_state, c.standing, a.person);

-- name: note_clients
-- Clients that are new, or not as they were.
insert into telemetry.supervised_client (group_client_id, since, region_code, level, industry_code, tier_code, file_state, standing, manager)
select c.id, %(day)s, c.region_code, c.level, c.industry_code, c.tier_code, c.file_state, c.standing, a.person
from registry.group_client c
-- with: managed
where not exists (select from telemetry.supervised_client s where s.group_client_id = c.id and s.until is null);

-- name: take_sums
-- The sums as they are.
with sums as (
    select t.group_client_id, t.region_code, f.sector,
        sum(t.terminals) filter (where t.state = 'registered') as registered, sum(t.terminals) filter (where t.state = 'provisioned') as provisioned,
        sum(t.terminals) filter (where t.state = 'testing') as testing, sum(t.terminals) filter (where t.state = 'in_service') as in_service,
        sum(t.terminals) filter (where t.state = 'maintenance') as maintenance, sum(t.terminals) filter (where t.state = 'isolated') as isolated,
        sum(t.terminals) filter (where t.state = 'retired') as retired,
        sum(t.terminals) filter (where t.state = 'in_service' and t.data = 'online') as online,
        sum(t.terminals * 86400.0 / f.expected_interval_seconds) filter (where t.state = 'in_service') as due
    from telemetry.tally t join registry.profile f on f.id = t.profile_id
    where t.terminals > 0 group by 1, 2, 3)
insert into telemetry.supervision_daily (day, group_client_id, region_code, sector, supervised_in, registered, provisioned, testing, in_service,
    maintenance, isolated, retired, online, sims_in_use, sims_bound, sims_ok, sims_violated, due, expected)
select %(day)s, s.group_client_id, s.region_code, s.sector, c.region_code, coalesce(s.registered, 0), coalesce(s.provisioned, 0), coalesce(s.testing, 0),
    coalesce(s.in_service, 0), coalesce(s.maintenance, 0), coalesce(s.isolated, 0), coalesce(s.retired, 0), coalesce(s.online, 0),
    coalesce(b.sims_in_use, 0), coalesce(b.sims_bound, 0), coalesce(b.sims_ok, 0), coalesce(b.sims_violated, 0), coalesce(s.due, 0),
    case when exists (select from telemetry.supervision_day d where d.day = %(day)s::date - 1) then least(coalesce(s.due, 0), coalesce(p.due, 0)) end
from sums s
left join registry.group_client c on c.id = s.group_client_id
left join telemetry.binding_tally b on (b.group_client_id, b.region_code, b.sector) = (s.group_client_id, s.region_code, s.sector)
left join telemetry.supervision_daily p on p.day = %(day)s::date - 1
    and (p.group_client_id, p.region_code, p.sector) = (s.group_client_id, s.region_code, s.sector);

-- name: list_outlived
-- Days before one, other than the last that was taken of each of so many months.
select d.day from telemetry.supervision_day d
where d.day < %(before)s and (d.day < %(before)s::date - make_interval(months => %(months)s)
    or exists (select from telemetry.supervision_day l where l.day > d.day and date_trunc('month', l.day) = date_trunc('month', d.day)))
order by d.day limit %(rows)s;

-- name: forget_day
-- A day's sums, and that it was taken.
with sums as (select telemetry.forget_supervision(%(day)s))
delete from telemetry.supervision_day d using sums where d.day = %(day)s;

-- name: forget_clients
-- How clients were before any day that is still known.
delete from telemetry.supervised_client where until <= (select min(day) from telemetry.supervision_day);
