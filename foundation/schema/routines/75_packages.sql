do $policies$
declare
    relation text;
    of_the_client constant text := '(select registry.scope_reads_files()) and ((select registry.scope_everything())
        or group_client_id in (select registry.visible_group_clients()))';
begin
    -- Packages are of the house: the operator's side reads them, the headquarters define them.
    foreach relation in array array['package', 'package_profile'] loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists readable on registry.%I', relation);
        execute format('create policy readable on registry.%I for select to muster_api, muster_reader, muster_jobs
            using ((select registry.scope_reads_files()))', relation);
        execute format('drop policy if exists headquarters on registry.%I', relation);
        execute format('create policy headquarters on registry.%I to muster_api
            using ((select registry.scope_everything())) with check ((select registry.scope_everything()))', relation);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_inspect using (true)', relation);
    end loop;
    alter table registry.client_package enable row level security, force row level security;
    drop policy if exists scoped on registry.client_package;
    execute format('create policy scoped on registry.client_package to muster_api, muster_reader, muster_jobs using (%s) with check (%1$s)', of_the_client);
    drop policy if exists everybody on registry.client_package;
    create policy everybody on registry.client_package to muster_owner, muster_inspect using (true);
end
$policies$;
revoke all on registry.package, registry.package_profile, registry.client_package
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on registry.package, registry.package_profile, registry.client_package to muster_api, muster_jobs, muster_inspect;
grant insert, update on registry.package to muster_api;
grant insert, delete on registry.package_profile to muster_api;
grant insert, update on registry.client_package to muster_api;
grant update on registry.client_package to muster_jobs;

do $audited$
begin
    -- Of the operator, as who serves a client and what is thought of it; that its tier is another one is told to the client, too.
    perform registry.audit_changes('registry.package', 'r.code');
    perform registry.audit_changes('registry.package_profile', 'p.code', part => 'f.code',
        joined => 'join registry.package p on p.id = r.package_id join registry.profile f on f.id = r.profile_id');
    perform registry.audit_changes('registry.client_package', 'c.code', part => 'p.code',
        joined => 'join registry.group_client c on c.id = r.group_client_id join registry.package p on p.id = r.package_id');
end
$audited$;
