-- Refuses a write of windows that another process has overtaken: fewer were found as they had been read than are to be written. The write is followed
-- by COMMIT in the same round trip, so nobody is left to count them outside.
create function all_written(written bigint, due bigint) returns boolean
    language plpgsql volatile
as $$
begin
    if written <> due then
        raise exception 'windows were written by another since they were read' using errcode = 'MW001';
    end if;
    return true;
end
$$;
