-- The start of a window's last run, while that and its end say all that the next step of the fold needs to know: then a late payment or a refund is
-- applied without reading the subscriber's history. 0 where only the fold can tell, as it is for every window until its next event.
alter table paid_window add column run_start bigint not null default 0;
grant update (run_start) on paid_window to market_server;

-- Counts the writes of a window: who has read it without a lock writes it only if nobody else did meanwhile.
alter table paid_window add column version bigint not null default 0;
grant update (version) on paid_window to market_server;

-- The refunds that name a payment other than by its own number: what they took says how much of its grant is left.
create index payment_event_refunds on payment_event (pay_trade_no, uid) where pay_trade_no is not null;
