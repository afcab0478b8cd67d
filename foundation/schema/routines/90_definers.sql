-- What runs as the owner is called by whom it was granted to, and by nobody else: PostgreSQL lets
-- everybody call a function that nothing is said of.
do $closing$
declare
    definer regprocedure;
begin
    for definer in select p.oid from pg_proc p where p.prosecdef
        and p.pronamespace in ('registry'::regnamespace, 'telemetry'::regnamespace, 'visible'::regnamespace)
    loop
        execute format('revoke all on function %s from public', definer);
    end loop;
end $closing$;
