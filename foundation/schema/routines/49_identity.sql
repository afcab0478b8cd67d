-- What terminals say of themselves, held against the roll and the SIMs' bindings: by the bridges in the transaction of
-- the batch, and whenever a rule or an installation changes. Bridges that hear of one SIM at once take turns at its rule.

-- Whether an IMSI is of another operator; where no network at home is listed, none is.
create or replace function registry.is_rival(imsi text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select imsi is not null and exists (select from registry.network n where n.home)
        and not exists (select from registry.network n where n.home and starts_with(is_rival.imsi, n.prefix));
end;

-- Whether a rule allows a SIM in the hardware of an IMEI.
create or replace function registry.allows(rule registry.binding, imei text) returns boolean
language sql immutable parallel safe
return case rule.mode when 'off' then true when 'first_seen' then coalesce(rule.first_imei = imei, true)
    when 'tac' then left(imei, 8) = any (rule.tacs) else imei = any (rule.imeis) end;

-- What speaks against the roll in each of some words of terminals (k counts them from 1), with the rule that it violates
-- if there is one. The SIM in a terminal is the one that it names, or where it names none the one on record.
create or replace function registry.find_faults(terminal_ids int4[], imeis text[], iccids text[], imsis text[])
returns table (k int4, terminal_id int4, sim_id int4, binding_id int4, action text, code text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with said as (
        select u.k::int4, u.terminal_id, u.imei, u.imsi, i.sim_id as own_id, h.imei as own_imei,
            case when u.iccid is not null then (select s.id from registry.sim s where s.iccid = u.iccid)
                when u.imsi is not null then (select s.id from registry.sim s where s.imsi = u.imsi) else i.sim_id end as named_id,
            coalesce(u.iccid <> o.iccid, false) or coalesce(u.imsi <> o.imsi, false) as changed,
            u.imsi is distinct from o.imsi and registry.is_rival(u.imsi) as rival
        from unnest(terminal_ids, imeis, iccids, imsis) with ordinality u(terminal_id, imei, iccid, imsi, k)
        left join registry.installation i on i.terminal_id = u.terminal_id and i.valid_to is null
        left join registry.sim o on o.id = i.sim_id
        left join registry.hardware h on h.terminal_id = u.terminal_id and h.valid_to is null)
    select s.k, s.terminal_id, s.own_id, b.id, b.action, case when s.rival then 'rival_sim' else 'sim_changed' end
    from said s left join registry.binding b on b.sim_id = s.own_id and b.valid_to is null and b.mode <> 'off'
    where s.rival or s.changed
    union all
    select s.k, s.terminal_id, s.named_id, b.id, b.action, case when b.id is null then 'device_changed' else 'separation' end
    from said s left join registry.binding b on b.sim_id = s.named_id and b.valid_to is null and b.mode <> 'off'
        and not registry.allows(b, s.imei)
    where b.id is not null or s.imei <> s.own_imei
$$;

-- Judge the rules that hold for some SIMs by who spoke of each last: the terminal that it is in on record, if it spoke
-- since, or one that names it. With `telling`, gives what is to be told of it now, and notes that it is told.
create or replace function telemetry.judge_bindings(sim_ids int4[], telling boolean)
returns table (terminal_id int4, code text, action text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    perform from registry.binding b
    where b.sim_id = any (sim_ids) and b.valid_to is null and b.mode <> 'off' order by b.sim_id for no key update;
    return query
    with bound as materialized (
        select b as rule, s.iccid, s.imsi from registry.binding b join registry.sim s on s.id = b.sim_id
        where b.sim_id = any (judge_bindings.sim_ids) and b.valid_to is null and b.mode <> 'off'),
    witness as materialized (
        select (b.rule).id, (b.rule).sim_id, w.*, row_number() over () as k, b.iccid as own_iccid, b.imsi as own_imsi
        from bound b cross join lateral (
            select i.terminal_id, i.imei, i.iccid, i.imsi, i.heard_at, i.said_at from (
                select n.* from telemetry.identity n where n.iccid = b.iccid
                union all
                select n.* from telemetry.identity n where n.imsi = b.imsi and n.iccid is null
                union all
                select n.* from registry.installation i join telemetry.identity n on n.terminal_id = i.terminal_id
                    and n.heard_at >= i.valid_from and coalesce(n.imei, n.iccid, n.imsi) is not null
                where i.sim_id = (b.rule).sim_id and i.valid_to is null) i
            order by i.said_at desc, i.terminal_id desc limit 1) w),
    faults as (
        select distinct on (w.id) w.id, f.code
        from (select array_agg(w.terminal_id order by w.k) as terminal_ids, array_agg(w.imei order by w.k) as imeis,
                array_agg(w.iccid order by w.k) as iccids, array_agg(w.imsi order by w.k) as imsis from witness w) a
        cross join lateral registry.find_faults(a.terminal_ids, a.imeis, a.iccids, a.imsis) f
        join witness w on w.k = f.k and w.sim_id = f.sim_id and f.binding_id = w.id
        order by w.id, f.code),
    judged as (
        select b.rule, w.terminal_id, w.heard_at, w.imei, w.iccid, w.imsi, f.code as violation, v.verdict,
            (v.verdict, f.code, case when f.code is not null then array[w.terminal_id::text, w.imei, w.iccid, w.imsi] end) is distinct from
                ((b.rule).verdict, (b.rule).violation, case when (b.rule).violation is not null
                    then array[(b.rule).witness_id::text, (b.rule).heard_imei, (b.rule).heard_iccid, (b.rule).heard_imsi] end) as changed,
            (b.rule).mode = 'first_seen' and (b.rule).first_imei is null and v.verdict = 'ok' as learned
        from bound b left join witness w on w.id = (b.rule).id left join faults f on f.id = (b.rule).id
        cross join lateral (select case when f.code is not null then 'violated'
            when w.imei is not null and (w.iccid = w.own_iccid or w.iccid is null and w.imsi = w.own_imsi) then 'ok'
            else 'unproven' end as verdict) v),
    kept as (
        update registry.binding b set verdict = j.verdict, violation = j.violation,
            verdict_since = case when b.verdict = j.verdict then b.verdict_since else coalesce(j.heard_at, now()) end,
            first_imei = case when j.learned then j.imei else b.first_imei end,
            witness_id = j.terminal_id, heard_at = j.heard_at, heard_imei = j.imei, heard_iccid = j.iccid, heard_imsi = j.imsi,
            told = case when telling then j.verdict = 'violated' else b.told and not (j.verdict = 'violated' and j.changed) end
        from judged j
        where b.id = (j.rule).id and (j.changed or j.learned or telling and b.told <> (j.verdict = 'violated'))
        returning b.id)
    select coalesce(j.terminal_id, (j.rule).witness_id), e.code, (j.rule).action
    from judged j cross join lateral (
        select 'first_seen' where j.learned
        union all select j.violation where j.verdict = 'violated' and (j.changed or not (j.rule).told)
        union all select 'restored' where j.verdict <> 'violated' and (j.rule).told) e(code)
    where telling and coalesce(j.terminal_id, (j.rule).witness_id) is not null;
end $$;

-- Keep what terminals say of themselves, each of these terminals once, and judge it: gives what is to be told, of whom.
-- A word older than the newest changes nothing. A return to the IMEI or the boot before the last one, within the hour,
-- is a credential used in two places; a message that the broker delivers again (`agains`) proves no return.
create or replace function telemetry.hear(terminal_ids int4[], times timestamptz[], imeis text[], iccids text[], imsis text[],
    apns text[], firmwares text[], models text[], boots text[], starts boolean[], agains boolean[])
returns table (terminal_id int4, code text, action text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    sims int4[];
begin
    perform from telemetry.identity i where i.terminal_id = any (terminal_ids) order by i.terminal_id for no key update;
    select array_agg(distinct s.id) into sims from (
        select c.id from registry.sim c where c.iccid = any (iccids)
        union all select c.id from registry.sim c where c.imsi = any (imsis)
        union all select c.id from telemetry.identity i join registry.sim c on c.iccid = i.iccid where i.terminal_id = any (terminal_ids)
        union all select c.id from telemetry.identity i join registry.sim c on c.imsi = i.imsi where i.terminal_id = any (terminal_ids)
        union all select i.sim_id from registry.installation i where i.terminal_id = any (terminal_ids) and i.valid_to is null) s;
    with given as (
        select u.*, t.owner_since
        from unnest(terminal_ids, times, imeis, iccids, imsis, apns, firmwares, models, boots, starts, agains)
            u(terminal_id, heard_at, imei, iccid, imsi, apn, firmware, model, boot, starts, again)
        join registry.terminal t on t.id = u.terminal_id),
    merged as (
        -- What was said in an earlier owner's time is not carried on.
        select g.terminal_id, coalesce(g.imei, b.imei) as imei, coalesce(g.iccid, b.iccid) as iccid, coalesce(g.imsi, b.imsi) as imsi,
            coalesce(g.apn, b.apn) as apn, coalesce(g.firmware, b.firmware) as firmware, coalesce(g.model, b.model) as model,
            coalesce(g.boot, b.boot) as boot, g.heard_at, case when g.starts then g.heard_at else b.started_at end as started_at,
            g.starts or b.terminal_id is null or (coalesce(g.imei, b.imei), coalesce(g.iccid, b.iccid), coalesce(g.imsi, b.imsi))
                is distinct from (b.imei, b.iccid, b.imsi) as anew, b.said_at,
            coalesce(g.imei <> b.imei, false) as new_imei, coalesce(g.boot <> b.boot, false) as new_boot, g.again, b as before
        from given g left join telemetry.identity b on b.terminal_id = g.terminal_id and b.heard_at >= g.owner_since),
    turned as (
        select m.*, not m.again and (m.before).turned_at > m.heard_at - interval '1 hour'
            and (m.new_imei and m.imei = (m.before).previous_imei or m.new_boot and m.boot = (m.before).previous_boot) as returned
        from merged m)
    insert into telemetry.identity as i (terminal_id, imei, iccid, imsi, apn, firmware, model, boot, heard_at, said_at, started_at,
        previous_imei, previous_boot, turned_at, shared_at)
    select t.terminal_id, t.imei, t.iccid, t.imsi, t.apn, t.firmware, t.model, t.boot, t.heard_at,
        case when t.anew then t.heard_at else t.said_at end, t.started_at,
        case when t.again then null when t.new_imei then (t.before).imei else (t.before).previous_imei end,
        case when t.again then null when t.new_boot then (t.before).boot else (t.before).previous_boot end,
        case when t.new_imei or t.new_boot then t.heard_at else (t.before).turned_at end,
        case when t.returned then t.heard_at else (t.before).shared_at end
    from turned t order by t.terminal_id
    on conflict (terminal_id) do update set imei = excluded.imei, iccid = excluded.iccid, imsi = excluded.imsi, apn = excluded.apn,
        firmware = excluded.firmware, model = excluded.model, boot = excluded.boot, heard_at = excluded.heard_at,
        said_at = excluded.said_at, started_at = excluded.started_at, previous_imei = excluded.previous_imei,
        previous_boot = excluded.previous_boot, turned_at = excluded.turned_at, shared_at = excluded.shared_at
    where excluded.heard_at >= i.heard_at;
    return query select j.* from telemetry.judge_bindings(sims, true) j;
    return query
    with words as materialized (
        select i.*, row_number() over (order by i.terminal_id) as k, b.action, h.imei as own_imei
        from telemetry.identity i
        left join registry.installation o on o.terminal_id = i.terminal_id and o.valid_to is null
        left join registry.binding b on b.sim_id = o.sim_id and b.valid_to is null and b.mode <> 'off'
        left join registry.hardware h on h.terminal_id = i.terminal_id and h.valid_to is null
        where i.terminal_id = any (hear.terminal_ids)),
    faults as materialized (
        select f.* from (
            select array_agg(w.terminal_id order by w.k) as terminal_ids, array_agg(w.imei order by w.k) as imeis,
                array_agg(w.iccid order by w.k) as iccids, array_agg(w.imsi order by w.k) as imsis from words w) a
        cross join lateral registry.find_faults(a.terminal_ids, a.imeis, a.iccids, a.imsis) f),
    -- What violates no rule, each with what it is about: told again when that is another.
    odd as (
        select w.terminal_id, f.code, 'event' as action,
            case f.code when 'device_changed' then w.imei when 'rival_sim' then w.imsi else coalesce(w.iccid, w.imsi) end as about
        from faults f join words w on w.k = f.k where f.binding_id is null
        union all
        -- Whose hardware it is on record is not isolated for the other one.
        select w.terminal_id, 'imei_twice', case when w.imei = w.own_imei and w.action = 'isolate' then 'event' else w.action end, w.imei
        from words w where exists (
            select from telemetry.identity o where o.imei = w.imei and o.iccid <> w.iccid and o.terminal_id <> w.terminal_id)
        union all
        select w.terminal_id, 'credential_shared', w.action, 'two places' from words w where w.shared_at > w.heard_at - interval '1 hour'),
    kept as (
        update telemetry.identity i set findings = coalesce(n.findings, '{}')
        from words w left join (
            select o.terminal_id, jsonb_object_agg(o.code, o.about) as findings from odd o group by o.terminal_id) n
            on n.terminal_id = w.terminal_id
        where i.terminal_id = w.terminal_id and i.findings <> coalesce(n.findings, '{}'))
    select o.terminal_id, o.code, coalesce(o.action, 'event') from odd o join words w on w.terminal_id = o.terminal_id
    where w.findings ->> o.code is distinct from o.about
    union
    select w.terminal_id, 'restored', 'event' from words w cross join lateral jsonb_object_keys(w.findings) gone(code)
    where not exists (select from odd o where o.terminal_id = w.terminal_id and o.code = gone.code)
        and not exists (select from faults f where f.terminal_id = w.terminal_id and f.code = gone.code);
end $$;
grant execute on function telemetry.hear(int4[], timestamptz[], text[], text[], text[], text[], text[], text[], text[], boolean[], boolean[]),
    registry.find_faults(int4[], text[], text[], text[]) to muster_bridge;

-- A new rule is judged by what was heard; that the one before was violated is told as over when it is.
create or replace function registry.judge_new_bindings() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update registry.binding b set told = true from changed n join registry.binding p on p.sim_id = n.sim_id and p.version = n.version - 1
    where b.id = n.id and p.told;
    perform telemetry.judge_bindings(array(select n.sim_id from changed n where n.mode <> 'off'), false);
    return null;
end $$;
create or replace trigger judge_new_bindings after insert on registry.binding
    referencing new table as changed for each statement execute function registry.judge_new_bindings();

-- So are the rules of a SIM that is put into a terminal, or taken out.
create or replace function registry.judge_installed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform telemetry.judge_bindings(array(select distinct n.sim_id from changed n), false);
    return null;
end $$;
create or replace trigger judge_installed_insert after insert on registry.installation
    referencing new table as changed for each statement execute function registry.judge_installed();
create or replace trigger judge_installed_update after update on registry.installation
    referencing new table as changed for each statement execute function registry.judge_installed();

-- And of one whose subscription has another number.
create or replace function registry.judge_renumbered() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    renumbered constant int4[] := array(select n.id from changed n join former o on o.id = n.id where n.imsi is distinct from o.imsi);
begin
    if renumbered <> '{}' then
        perform telemetry.judge_bindings(renumbered, false);
    end if;
    return null;
end $$;
create or replace trigger judge_renumbered after update on registry.sim
    referencing old table as former new table as changed for each statement execute function registry.judge_renumbered();
