-- The roles that the server works as. Both are without login: the login role of DATABASE_URL is made a member and takes the role on when it connects,
-- so that nothing the server runs can rewrite history. The owner's role is for migrations alone.
--   market_server  the server itself: sees every row, may insert, may update what may move (column by column), deletes nothing of value
--   market_tenant  taken on, inside a transaction, for a request of one publisher: row level security shows it that publisher's rows alone
do $$
begin
    -- A role belongs to the cluster, so another database may have made it already, even at this very moment.
    begin
        create role market_server nologin;
    exception when duplicate_object or unique_violation then null;
    end;
    begin
        create role market_tenant nologin;
    exception when duplicate_object or unique_violation then null;
    end;
    begin
        grant market_tenant to market_server;
        execute format('grant market_server to %I', session_user);
    exception when unique_violation then null;
    end;
end
$$;

-- Trigram search of the market, for Chinese as for English text.
create extension if not exists pg_trgm;

revoke all on schema public from public;
grant usage on schema public to market_server, market_tenant;
-- So that a server can tell whether the schema is the one that it was built for. The migrator has made the table; another way of applying these
-- files may not have.
do $$
begin
    if to_regclass('public.schema_migration') is not null then
        grant select on public.schema_migration to market_server;
    end if;
end
$$;

-- The publisher whose rows market_tenant may see; null outside a request, which shows nothing.
create function current_publisher() returns bigint
    language sql stable parallel safe
    return nullif(current_setting('market.publisher', true), '')::bigint;

-- Milliseconds since 1970 by the database's clock: the one clock that all server processes share.
create function now_ms() returns bigint
    language sql volatile parallel safe
    return (extract(epoch from clock_timestamp()) * 1000)::bigint;
