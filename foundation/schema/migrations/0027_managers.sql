-- Who managed each client's account as a day ended, so that days can be rolled up by account manager; null is nobody.
alter table telemetry.supervised_client add column manager text;

-- The days that were taken already: what assignments tell of their ends.
create temporary table managed on commit drop as
with each as (
    select s.*, d.day, a.person, lag(a.person) over days as before, row_number() over days = 1 as is_first
    from telemetry.supervised_client s
    left join telemetry.supervision_day d on d.day >= s.since and (s.until is null or d.day < s.until)
    left join registry.assignment a on a.group_client_id = s.group_client_id and a.role = 'account_manager'
        and a.valid_from < d.ended_at and (a.valid_to is null or a.valid_to >= d.ended_at)
    window days as (partition by s.group_client_id, s.since order by d.day)),
begun as (select e.*, case when e.is_first then e.since else e.day end as begins from each e where e.is_first or e.person is distinct from e.before)
select b.group_client_id, b.begins, coalesce(lead(b.begins) over (partition by b.group_client_id, b.since order by b.begins), b.until) as ends,
    b.region_code, b.level, b.industry_code, b.tier_code, b.file_state, b.standing, b.person
from begun b;
delete from telemetry.supervised_client;
insert into telemetry.supervised_client
    (group_client_id, since, until, region_code, level, industry_code, tier_code, file_state, standing, manager)
select group_client_id, begins, ends, region_code, level, industry_code, tier_code, file_state, standing, person from managed;
