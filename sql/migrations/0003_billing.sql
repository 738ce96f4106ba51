-- Payment events, the windows that they make, and what could not be applied. Distributed by uid on a sharded installation, so uid stands in every key.
-- The hot tables have no foreign keys: a check of each would lock the same few catalog rows in every transaction. Nothing that they point at can be
-- deleted, and sql/invariants.sql looks for strays.

-- Which life of the database this is. Transaction numbers order the event feed; a restore into another cluster starts them anew, so the epoch, which
-- `market migrate` raises when it finds another cluster underneath, stands in front of them.
create table installation (
    singleton         boolean  primary key default true constraint installation_is_one check (singleton),
    epoch             smallint not null default 0 constraint installation_epoch_range check (epoch between 0 and 32000),
    system_identifier bigint   not null
);
insert into installation (system_identifier) select system_identifier from pg_control_system();

-- Where the present transaction will stand in commit order: all of it becomes visible at once, and a reader that stays below visible_position()
-- never sees a number now which an open transaction could still undercut. 48 bits of transaction number, the epoch above them.
create function commit_position() returns bigint
    language sql volatile
    return (select epoch::bigint << 48 from installation) + pg_current_xact_id()::text::bigint;
create function visible_position() returns bigint
    language sql stable
    return (select epoch::bigint << 48 from installation) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- One immutable order_pay fact. refund_time is 0 for a payment and the refund's createTime for a refund: a payment is its trade number, a refund its
-- trade number and time. The trade number leads the key because it mostly grows with time, which keeps the index's hot end small.
create table payment_event (
    create_time     bigint   not null constraint payment_event_create_time_range check (create_time between 1420070400000 and 9007199254740991),
    refund_time     bigint   not null,
    add_time        bigint   not null constraint payment_event_add_time_range check (add_time between -3153600000000 and 3153600000000),
    amount          bigint   not null constraint payment_event_amount_range check (amount between -9007199254740991 and 9007199254740991),
    recorded_at     bigint   not null,
    commit_position bigint   not null,
    publisher_id    bigint   not null,
    product_id      bigint   not null,
    app_id          bigint   not null,
    ordinal         integer  not null,
    commission_bps  integer  not null constraint payment_event_commission_range check (commission_bps between 0 and 10000),
    type            smallint not null,
    source          smallint not null constraint payment_event_source_known check (source between 1 and 5),
    uid             text     collate "C" not null constraint payment_event_uid_length check (char_length(uid) between 1 and 64),
    trade_no        text     collate "C" not null constraint payment_event_trade_no_length check (char_length(trade_no) between 6 and 64),
    pay_trade_no    text     collate "C" constraint payment_event_pay_trade_no_length check (char_length(pay_trade_no) between 6 and 64),
    constraint payment_event_recorded_once primary key (trade_no, uid, refund_time),
    constraint payment_event_payment_or_refund check (
        (type = 1 and refund_time = 0 and amount >= 0 and add_time > 0 and pay_trade_no is null)
        or (type = 2 and refund_time = create_time and amount <= 0 and add_time <= 0))
);
create index payment_event_history on payment_event (uid, product_id);
create index payment_event_feed on payment_event (publisher_id, commit_position, ordinal);

-- What a subscriber holds on a resource: a cache of the fold of his events. (resource, uid) so that an audience is one range.
create table paid_window (
    resource_id     bigint  not null,
    pay_end_time    bigint  not null,
    last_event_time bigint  not null,   -- greatest createTime folded: as of any instant from there on, pay_end_time is the answer
    payments        integer not null,   -- payments folded: 0 for one who never paid but has a refund
    unmatched       integer not null,   -- refunds folded whose payment is not known: a later payment may turn out to be theirs
    uid             text    collate "C" not null,
    primary key (resource_id, uid)
) with (fillfactor = 80);               -- room for heap-only updates: the key never changes and nothing else is indexed

-- What was sent to us and not applied: kept whole, with the reason, for a person.
create table quarantine (
    id           bigint generated always as identity primary key,
    publisher_id bigint   not null,
    app_id       bigint,
    received_at  bigint   not null default now_ms(),
    resolved_at  bigint,
    source       smallint not null constraint quarantine_source_known check (source between 1 and 5),
    reason       text     not null constraint quarantine_reason_known
        check (reason in ('conflict', 'unknown_product', 'invalid', 'malformed', 'oversized', 'unknown_action')),
    state        text     not null default 'open' constraint quarantine_state_known check (state in ('open', 'applied', 'dismissed', 'ignored')),
    detail       text     not null,
    trade_no     text,
    body         bytea    not null,
    body_sha256  bytea    not null,
    resolution   text     constraint quarantine_resolution_length check (char_length(resolution) <= 1000),
    constraint quarantine_resolved_or_open check ((state in ('open', 'ignored')) = (resolved_at is null)),
    constraint quarantine_kept_once unique nulls not distinct (publisher_id, source, app_id, reason, body_sha256)
);
create index quarantine_desk on quarantine (publisher_id, state, id);
create index quarantine_waiting on quarantine (id) where state = 'open' and reason = 'unknown_product';

grant select, insert on payment_event to market_server;
grant select, insert, update (pay_end_time, last_event_time, payments, unmatched) on paid_window to market_server;
grant select, insert, update (state, resolved_at, resolution) on quarantine to market_server;
grant select on installation to market_server;
grant select on payment_event, paid_window, quarantine, installation to market_tenant;
grant update (state, resolved_at, resolution) on quarantine to market_tenant;
grant usage on all sequences in schema public to market_server;

alter table payment_event enable row level security;
alter table paid_window enable row level security;
alter table quarantine enable row level security;
create policy server_all on payment_event to market_server using (true) with check (true);
create policy server_all on paid_window to market_server using (true) with check (true);
create policy server_all on quarantine to market_server using (true) with check (true);
create policy tenant_own on payment_event to market_tenant using (publisher_id = (select current_publisher()));
create policy tenant_own on paid_window to market_tenant
    using (resource_id in (select id from resource where publisher_id = (select current_publisher())));
create policy tenant_own on quarantine to market_tenant using (publisher_id = (select current_publisher()));
