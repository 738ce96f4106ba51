-- The schema that sql/migrations make, for reading. Written by `make schema`; a test compares the two.

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE FUNCTION public.all_written(written bigint, due bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    if written <> due then
        raise exception 'windows were written by another since they were read' using errcode = 'MW001';
    end if;
    return true;
end
$$;

CREATE TABLE public.installation (
    singleton boolean DEFAULT true NOT NULL,
    epoch smallint DEFAULT 0 NOT NULL,
    system_identifier bigint NOT NULL,
    CONSTRAINT installation_epoch_range CHECK (((epoch >= 0) AND (epoch <= 32000))),
    CONSTRAINT installation_is_one CHECK (singleton)
);

CREATE FUNCTION public.commit_position() RETURNS bigint
    LANGUAGE sql
    RETURN ((SELECT ((installation.epoch)::bigint << 48) FROM public.installation) + ((pg_current_xact_id())::text)::bigint);

CREATE FUNCTION public.create_product(publisher bigint, name text, summary text, description text, contact text, replaced bigint, external bigint, hash bytea, resource_ids bigint[], plan_names text[], plan_amounts bigint[], plan_add_times bigint[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
declare
    new_id bigint := nextval('product_id_seq');
begin
    if nullif(current_setting('market.publisher', true), '')::bigint is distinct from publisher then
        raise exception 'create_product: not the publisher of this transaction' using errcode = 'insufficient_privilege';
    end if;
    insert into product (id, publisher_id, lineage_id, replaces, external_id, content_hash, name, summary, description, contact)
    select new_id, publisher, coalesce((select r.lineage_id from product r where r.id = replaced and r.publisher_id = publisher), new_id),
           replaced, external, hash, create_product.name, create_product.summary, create_product.description, create_product.contact;
    insert into product_resource (product_id, resource_id, publisher_id, position)
    select new_id, r.id, publisher, r.n from unnest(resource_ids) with ordinality r(id, n);
    insert into price_plan (product_id, position, name, amount, add_time)
    select new_id, p.n, p.name, p.amount, p.add_time
    from unnest(plan_names, plan_amounts, plan_add_times) with ordinality p(name, amount, add_time, n)
    order by p.n;
    insert into listing_move (product_id, move_no, to_state, actor) values (new_id, 1, 'pending_review', 'publisher:' || publisher);
    return new_id;
end
$$;

CREATE FUNCTION public.current_publisher() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('market.publisher'::text, true), ''::text))::bigint;

CREATE FUNCTION public.now_ms() RETURNS bigint
    LANGUAGE sql PARALLEL SAFE
    RETURN ((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint;

CREATE FUNCTION public.visible_position() RETURNS bigint
    LANGUAGE sql STABLE
    RETURN ((SELECT ((installation.epoch)::bigint << 48) FROM public.installation) + ((pg_snapshot_xmin(pg_current_snapshot()))::text)::bigint);

CREATE TABLE public.app (
    id bigint NOT NULL,
    publisher_id bigint NOT NULL,
    external_id bigint,
    callback_url text,
    contact text,
    follow_tip text,
    webhook_secret text NOT NULL,
    token_sha256 bytea NOT NULL,
    inbound_key_sha256 bytea NOT NULL,
    CONSTRAINT app_callback_url_length CHECK ((char_length(callback_url) <= 1000)),
    CONSTRAINT app_contact_length CHECK ((char_length(contact) <= 200)),
    CONSTRAINT app_external_id_range CHECK (((external_id >= 1) AND (external_id <= '9007199254740991'::bigint))),
    CONSTRAINT app_follow_tip_length CHECK ((char_length(follow_tip) <= 500))
);

CREATE TABLE public.idempotency_key (
    principal text NOT NULL,
    key_sha256 bytea NOT NULL,
    request_sha256 bytea NOT NULL,
    created_at bigint DEFAULT public.now_ms() NOT NULL,
    status smallint,
    sealed_answer bytea
);

CREATE TABLE public.listing_move (
    product_id bigint NOT NULL,
    move_no integer NOT NULL,
    previous_no integer GENERATED ALWAYS AS (NULLIF((move_no - 1), 0)) STORED,
    commission_bps integer,
    at bigint DEFAULT public.now_ms() NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    reason text,
    CONSTRAINT listing_move_actor_length CHECK (((char_length(actor) >= 1) AND (char_length(actor) <= 100))),
    CONSTRAINT listing_move_allowed CHECK ((((from_state IS NULL) AND (to_state = 'pending_review'::text)) OR ((from_state = 'pending_review'::text) AND (to_state = ANY (ARRAY['listed'::text, 'rejected'::text]))) OR ((from_state = 'listed'::text) AND (to_state = 'delisted'::text)) OR ((from_state = 'delisted'::text) AND (to_state = 'listed'::text)))),
    CONSTRAINT listing_move_approval_sets_commission CHECK (((commission_bps IS NOT NULL) = ((COALESCE(from_state, ''::text) = 'pending_review'::text) AND (to_state = 'listed'::text)))),
    CONSTRAINT listing_move_commission_range CHECK (((commission_bps >= 0) AND (commission_bps <= 10000))),
    CONSTRAINT listing_move_first_has_no_start CHECK (((move_no = 1) = (from_state IS NULL))),
    CONSTRAINT listing_move_no_positive CHECK ((move_no >= 1)),
    CONSTRAINT listing_move_reason_length CHECK ((char_length(reason) <= 1000))
);

CREATE TABLE public.paid_window (
    resource_id bigint NOT NULL,
    pay_end_time bigint NOT NULL,
    last_event_time bigint NOT NULL,
    payments integer NOT NULL,
    unmatched integer NOT NULL,
    uid text NOT NULL COLLATE pg_catalog."C",
    plain_since bigint DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE public.payment_event (
    create_time bigint NOT NULL,
    refund_time bigint NOT NULL,
    add_time bigint NOT NULL,
    amount bigint NOT NULL,
    recorded_at bigint NOT NULL,
    commit_position bigint NOT NULL,
    publisher_id bigint NOT NULL,
    product_id bigint NOT NULL,
    app_id bigint NOT NULL,
    ordinal integer NOT NULL,
    commission_bps integer NOT NULL,
    type smallint NOT NULL,
    source smallint NOT NULL,
    uid text NOT NULL COLLATE pg_catalog."C",
    trade_no text NOT NULL COLLATE pg_catalog."C",
    pay_trade_no text COLLATE pg_catalog."C",
    CONSTRAINT payment_event_add_time_range CHECK (((add_time >= '-3153600000000'::bigint) AND (add_time <= '3153600000000'::bigint))),
    CONSTRAINT payment_event_amount_range CHECK (((amount >= '-9007199254740991'::bigint) AND (amount <= '9007199254740991'::bigint))),
    CONSTRAINT payment_event_commission_range CHECK (((commission_bps >= 0) AND (commission_bps <= 10000))),
    CONSTRAINT payment_event_create_time_range CHECK (((create_time >= '1420070400000'::bigint) AND (create_time <= '9007199254740991'::bigint))),
    CONSTRAINT payment_event_pay_trade_no_length CHECK (((char_length(pay_trade_no) >= 6) AND (char_length(pay_trade_no) <= 64))),
    CONSTRAINT payment_event_payment_or_refund CHECK ((((type = 1) AND (refund_time = 0) AND (amount >= 0) AND (add_time > 0) AND (pay_trade_no IS NULL)) OR ((type = 2) AND (refund_time = create_time) AND (amount <= 0) AND (add_time <= 0)))),
    CONSTRAINT payment_event_source_known CHECK (((source >= 1) AND (source <= 5))),
    CONSTRAINT payment_event_trade_no_length CHECK (((char_length(trade_no) >= 6) AND (char_length(trade_no) <= 64))),
    CONSTRAINT payment_event_uid_length CHECK (((char_length(uid) >= 1) AND (char_length(uid) <= 64)))
);

CREATE TABLE public.price_plan (
    id bigint NOT NULL,
    product_id bigint NOT NULL,
    amount bigint NOT NULL,
    add_time bigint NOT NULL,
    "position" smallint NOT NULL,
    name text NOT NULL,
    CONSTRAINT price_plan_add_time_range CHECK (((add_time >= 1) AND (add_time <= '3153600000000'::bigint))),
    CONSTRAINT price_plan_amount_range CHECK (((amount >= 1) AND (amount <= 100000000))),
    CONSTRAINT price_plan_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 50)))
);

ALTER TABLE public.price_plan ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.price_plan_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.product (
    id bigint NOT NULL,
    publisher_id bigint NOT NULL,
    lineage_id bigint NOT NULL,
    replaces bigint,
    external_id bigint,
    created_at bigint DEFAULT public.now_ms() NOT NULL,
    content_hash bytea NOT NULL,
    name text NOT NULL,
    summary text NOT NULL,
    description text NOT NULL,
    contact text NOT NULL,
    CONSTRAINT product_contact_length CHECK (((char_length(contact) >= 1) AND (char_length(contact) <= 200))),
    CONSTRAINT product_content_hash_length CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT product_description_length CHECK (((char_length(description) >= 1) AND (char_length(description) <= 10000))),
    CONSTRAINT product_external_id_range CHECK (((external_id >= 1) AND (external_id <= '9007199254740991'::bigint))),
    CONSTRAINT product_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    CONSTRAINT product_summary_length CHECK (((char_length(summary) >= 1) AND (char_length(summary) <= 200)))
);

ALTER TABLE public.product ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.product_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.product_listing WITH (security_invoker='true') AS
 SELECT p.id AS product_id,
    m.to_state AS state,
    m.at,
    m.move_no,
    a.commission_bps
   FROM ((public.product p
     CROSS JOIN LATERAL ( SELECT listing_move.to_state,
            listing_move.at,
            listing_move.move_no
           FROM public.listing_move
          WHERE (listing_move.product_id = p.id)
          ORDER BY listing_move.move_no DESC
         LIMIT 1) m)
     LEFT JOIN LATERAL ( SELECT listing_move.commission_bps
           FROM public.listing_move
          WHERE ((listing_move.product_id = p.id) AND (listing_move.commission_bps IS NOT NULL))
         LIMIT 1) a ON (true));

CREATE TABLE public.product_resource (
    product_id bigint NOT NULL,
    resource_id bigint NOT NULL,
    publisher_id bigint NOT NULL,
    "position" smallint NOT NULL
);

CREATE TABLE public.publisher (
    id bigint NOT NULL,
    created_at bigint DEFAULT public.now_ms() NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    CONSTRAINT publisher_email_length CHECK (((char_length(email) >= 3) AND (char_length(email) <= 254))),
    CONSTRAINT publisher_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)))
);

ALTER TABLE public.publisher ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.publisher_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.publisher_key (
    id bigint NOT NULL,
    publisher_id bigint NOT NULL,
    created_at bigint DEFAULT public.now_ms() NOT NULL,
    revoked_at bigint,
    name text NOT NULL,
    scopes text[] NOT NULL,
    token_sha256 bytea NOT NULL,
    CONSTRAINT publisher_key_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    CONSTRAINT publisher_key_scopes_known CHECK (((scopes <@ ARRAY['read'::text, 'write'::text]) AND (cardinality(scopes) > 0)))
);

ALTER TABLE public.publisher_key ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.publisher_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.quarantine (
    id bigint NOT NULL,
    publisher_id bigint NOT NULL,
    app_id bigint,
    received_at bigint DEFAULT public.now_ms() NOT NULL,
    resolved_at bigint,
    source smallint NOT NULL,
    reason text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    detail text NOT NULL,
    trade_no text,
    body bytea NOT NULL,
    body_sha256 bytea NOT NULL,
    resolution text,
    CONSTRAINT quarantine_reason_known CHECK ((reason = ANY (ARRAY['conflict'::text, 'unknown_product'::text, 'invalid'::text, 'malformed'::text, 'oversized'::text, 'unknown_action'::text]))),
    CONSTRAINT quarantine_resolution_length CHECK ((char_length(resolution) <= 1000)),
    CONSTRAINT quarantine_resolved_or_open CHECK (((state = ANY (ARRAY['open'::text, 'ignored'::text])) = (resolved_at IS NULL))),
    CONSTRAINT quarantine_source_known CHECK (((source >= 1) AND (source <= 5))),
    CONSTRAINT quarantine_state_known CHECK ((state = ANY (ARRAY['open'::text, 'applied'::text, 'dismissed'::text, 'ignored'::text])))
);

ALTER TABLE public.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.resource (
    id bigint NOT NULL,
    publisher_id bigint NOT NULL,
    app_id bigint,
    created_at bigint DEFAULT public.now_ms() NOT NULL,
    kind smallint NOT NULL,
    name text NOT NULL,
    description text,
    CONSTRAINT resource_description_length CHECK ((char_length(description) <= 1000)),
    CONSTRAINT resource_kind_known CHECK ((kind = ANY (ARRAY[1, 2]))),
    CONSTRAINT resource_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    CONSTRAINT resource_topic_has_app CHECK (((kind = 2) = (app_id IS NOT NULL)))
);

ALTER TABLE public.resource ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.resource_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schema_migration (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.app
    ADD CONSTRAINT app_external_id_unique UNIQUE (publisher_id, external_id);

ALTER TABLE ONLY public.app
    ADD CONSTRAINT app_inbound_key_unique UNIQUE (inbound_key_sha256);

ALTER TABLE ONLY public.app
    ADD CONSTRAINT app_of_publisher UNIQUE (id, publisher_id);

ALTER TABLE ONLY public.app
    ADD CONSTRAINT app_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.app
    ADD CONSTRAINT app_token_unique UNIQUE (token_sha256);

ALTER TABLE ONLY public.idempotency_key
    ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (principal, key_sha256);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY public.listing_move
    ADD CONSTRAINT listing_move_ends_once UNIQUE (product_id, move_no, to_state);

ALTER TABLE ONLY public.listing_move
    ADD CONSTRAINT listing_move_pkey PRIMARY KEY (product_id, move_no);

ALTER TABLE ONLY public.paid_window
    ADD CONSTRAINT paid_window_pkey PRIMARY KEY (resource_id, uid);

ALTER TABLE ONLY public.payment_event
    ADD CONSTRAINT payment_event_recorded_once PRIMARY KEY (trade_no, uid, refund_time);

ALTER TABLE ONLY public.price_plan
    ADD CONSTRAINT price_plan_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.price_plan
    ADD CONSTRAINT price_plan_position_unique UNIQUE (product_id, "position");

ALTER TABLE ONLY public.product
    ADD CONSTRAINT product_external_id_unique UNIQUE (publisher_id, external_id);

ALTER TABLE ONLY public.product
    ADD CONSTRAINT product_of_publisher UNIQUE (id, publisher_id);

ALTER TABLE ONLY public.product
    ADD CONSTRAINT product_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.product_resource
    ADD CONSTRAINT product_resource_pkey PRIMARY KEY (product_id, resource_id);

ALTER TABLE ONLY public.product_resource
    ADD CONSTRAINT product_resource_position_unique UNIQUE (product_id, "position");

ALTER TABLE ONLY public.publisher_key
    ADD CONSTRAINT publisher_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.publisher_key
    ADD CONSTRAINT publisher_key_token_unique UNIQUE (token_sha256);

ALTER TABLE ONLY public.publisher
    ADD CONSTRAINT publisher_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_kept_once UNIQUE NULLS NOT DISTINCT (publisher_id, source, app_id, reason, body_sha256);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.resource
    ADD CONSTRAINT resource_of_publisher UNIQUE (id, publisher_id);

ALTER TABLE ONLY public.resource
    ADD CONSTRAINT resource_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (number);

CREATE INDEX idempotency_key_age ON public.idempotency_key USING btree (created_at);

CREATE INDEX payment_event_feed ON public.payment_event USING btree (publisher_id, commit_position, ordinal);

CREATE INDEX payment_event_history ON public.payment_event USING btree (uid, product_id);

CREATE INDEX payment_event_refunds ON public.payment_event USING btree (pay_trade_no, uid) WHERE (pay_trade_no IS NOT NULL);

CREATE INDEX product_lineage ON public.product USING btree (lineage_id, id);

CREATE INDEX product_publisher ON public.product USING btree (publisher_id, id);

CREATE INDEX product_replaces ON public.product USING btree (replaces) WHERE (replaces IS NOT NULL);

CREATE INDEX product_resource_resource ON public.product_resource USING btree (resource_id, product_id);

CREATE INDEX product_search ON public.product USING gin ((((((name || ' '::text) || summary) || ' '::text) || description)) public.gin_trgm_ops);

CREATE INDEX publisher_key_publisher ON public.publisher_key USING btree (publisher_id);

CREATE INDEX quarantine_desk ON public.quarantine USING btree (publisher_id, state, id);

CREATE INDEX quarantine_waiting ON public.quarantine USING btree (id) WHERE ((state = 'open'::text) AND (reason = 'unknown_product'::text));

CREATE INDEX resource_app ON public.resource USING btree (app_id, id) WHERE (app_id IS NOT NULL);

CREATE INDEX resource_publisher ON public.resource USING btree (publisher_id, id);

ALTER TABLE ONLY public.app
    ADD CONSTRAINT app_is_resource FOREIGN KEY (id, publisher_id) REFERENCES public.resource(id, publisher_id);

ALTER TABLE ONLY public.listing_move
    ADD CONSTRAINT listing_move_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.product(id);

ALTER TABLE ONLY public.listing_move
    ADD CONSTRAINT listing_move_starts_where_the_last_ended FOREIGN KEY (product_id, previous_no, from_state) REFERENCES public.listing_move(product_id, move_no, to_state);

ALTER TABLE ONLY public.price_plan
    ADD CONSTRAINT price_plan_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.product(id);

ALTER TABLE ONLY public.product
    ADD CONSTRAINT product_publisher_id_fkey FOREIGN KEY (publisher_id) REFERENCES public.publisher(id);

ALTER TABLE ONLY public.product
    ADD CONSTRAINT product_replaces_own FOREIGN KEY (replaces, publisher_id) REFERENCES public.product(id, publisher_id);

ALTER TABLE ONLY public.product_resource
    ADD CONSTRAINT product_resource_of_product FOREIGN KEY (product_id, publisher_id) REFERENCES public.product(id, publisher_id);

ALTER TABLE ONLY public.product_resource
    ADD CONSTRAINT product_resource_own FOREIGN KEY (resource_id, publisher_id) REFERENCES public.resource(id, publisher_id);

ALTER TABLE ONLY public.publisher_key
    ADD CONSTRAINT publisher_key_publisher_id_fkey FOREIGN KEY (publisher_id) REFERENCES public.publisher(id);

ALTER TABLE ONLY public.resource
    ADD CONSTRAINT resource_publisher_id_fkey FOREIGN KEY (publisher_id) REFERENCES public.publisher(id);

ALTER TABLE ONLY public.resource
    ADD CONSTRAINT resource_topic_of_own_app FOREIGN KEY (app_id, publisher_id) REFERENCES public.app(id, publisher_id);

ALTER TABLE public.app ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.listing_move ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.paid_window ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.payment_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.price_plan ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.product ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.product_resource ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.publisher ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.publisher_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.quarantine ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.resource ENABLE ROW LEVEL SECURITY;

CREATE POLICY server_all ON public.app TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.listing_move TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.paid_window TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.payment_event TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.price_plan TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.product TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.product_resource TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.publisher TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.publisher_key TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.quarantine TO market_server USING (true) WITH CHECK (true);

CREATE POLICY server_all ON public.resource TO market_server USING (true) WITH CHECK (true);

CREATE POLICY tenant_own ON public.app TO market_tenant USING ((publisher_id = ( SELECT public.current_publisher() AS current_publisher)));

CREATE POLICY tenant_own ON public.listing_move TO market_tenant USING ((EXISTS ( SELECT
   FROM public.product p
  WHERE ((p.id = listing_move.product_id) AND (p.publisher_id = ( SELECT public.current_publisher() AS current_publisher)))))) WITH CHECK (((from_state = ANY (ARRAY['listed'::text, 'delisted'::text])) AND (EXISTS ( SELECT
   FROM public.product p
  WHERE ((p.id = listing_move.product_id) AND (p.publisher_id = ( SELECT public.current_publisher() AS current_publisher)))))));

CREATE POLICY tenant_own ON public.paid_window TO market_tenant USING ((resource_id IN ( SELECT resource.id
   FROM public.resource
  WHERE (resource.publisher_id = ( SELECT public.current_publisher() AS current_publisher)))));

CREATE POLICY tenant_own ON public.payment_event TO market_tenant USING ((publisher_id = ( SELECT public.current_publisher() AS current_publisher)));

CREATE POLICY tenant_own ON public.price_plan TO market_tenant USING ((EXISTS ( SELECT
   FROM public.product p
  WHERE ((p.id = price_plan.product_id) AND (p.publisher_id = ( SELECT public.current_publisher() AS current_publisher))))));

CREATE POLICY tenant_own ON public.product TO market_tenant USING ((publisher_id = ( SELECT public.current_publisher() AS current_publisher)));

CREATE POLICY tenant_own ON public.product_resource TO market_tenant USING ((publisher_id = ( SELECT public.current_publisher() AS current_publisher)));

CREATE POLICY tenant_own ON public.publisher TO market_tenant USING ((id = ( SELECT public.current_publisher() AS current_publisher)));

CREATE POLICY tenant_own ON public.publisher_key TO market_tenant USING ((publisher_id = ( SELECT public.current_publisher() AS current_publisher)));

CREATE POLICY tenant_own ON public.quarantine TO market_tenant USING ((publisher_id = ( SELECT public.current_publisher() AS current_publisher)));

CREATE POLICY tenant_own ON public.resource TO market_tenant USING ((publisher_id = ( SELECT public.current_publisher() AS current_publisher)));

REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO market_server;
GRANT USAGE ON SCHEMA public TO market_tenant;

GRANT SELECT ON TABLE public.installation TO market_server;
GRANT SELECT ON TABLE public.installation TO market_tenant;

REVOKE ALL ON FUNCTION public.create_product(publisher bigint, name text, summary text, description text, contact text, replaced bigint, external bigint, hash bytea, resource_ids bigint[], plan_names text[], plan_amounts bigint[], plan_add_times bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.create_product(publisher bigint, name text, summary text, description text, contact text, replaced bigint, external bigint, hash bytea, resource_ids bigint[], plan_names text[], plan_amounts bigint[], plan_add_times bigint[]) TO market_server;
GRANT ALL ON FUNCTION public.create_product(publisher bigint, name text, summary text, description text, contact text, replaced bigint, external bigint, hash bytea, resource_ids bigint[], plan_names text[], plan_amounts bigint[], plan_add_times bigint[]) TO market_tenant;

GRANT SELECT,INSERT ON TABLE public.app TO market_server;
GRANT SELECT,INSERT ON TABLE public.app TO market_tenant;

GRANT UPDATE(external_id) ON TABLE public.app TO market_server;
GRANT UPDATE(external_id) ON TABLE public.app TO market_tenant;

GRANT UPDATE(callback_url) ON TABLE public.app TO market_server;
GRANT UPDATE(callback_url) ON TABLE public.app TO market_tenant;

GRANT UPDATE(contact) ON TABLE public.app TO market_server;
GRANT UPDATE(contact) ON TABLE public.app TO market_tenant;

GRANT UPDATE(follow_tip) ON TABLE public.app TO market_server;
GRANT UPDATE(follow_tip) ON TABLE public.app TO market_tenant;

GRANT UPDATE(token_sha256) ON TABLE public.app TO market_server;
GRANT UPDATE(token_sha256) ON TABLE public.app TO market_tenant;

GRANT UPDATE(inbound_key_sha256) ON TABLE public.app TO market_server;
GRANT UPDATE(inbound_key_sha256) ON TABLE public.app TO market_tenant;

GRANT SELECT,INSERT,DELETE ON TABLE public.idempotency_key TO market_server;
GRANT SELECT,INSERT,DELETE ON TABLE public.idempotency_key TO market_tenant;

GRANT UPDATE(status) ON TABLE public.idempotency_key TO market_server;
GRANT UPDATE(status) ON TABLE public.idempotency_key TO market_tenant;

GRANT UPDATE(sealed_answer) ON TABLE public.idempotency_key TO market_server;
GRANT UPDATE(sealed_answer) ON TABLE public.idempotency_key TO market_tenant;

GRANT SELECT,INSERT ON TABLE public.listing_move TO market_server;
GRANT SELECT,INSERT ON TABLE public.listing_move TO market_tenant;

GRANT SELECT,INSERT ON TABLE public.paid_window TO market_server;
GRANT SELECT ON TABLE public.paid_window TO market_tenant;

GRANT UPDATE(pay_end_time) ON TABLE public.paid_window TO market_server;

GRANT UPDATE(last_event_time) ON TABLE public.paid_window TO market_server;

GRANT UPDATE(payments) ON TABLE public.paid_window TO market_server;

GRANT UPDATE(unmatched) ON TABLE public.paid_window TO market_server;

GRANT UPDATE(plain_since) ON TABLE public.paid_window TO market_server;

GRANT UPDATE(version) ON TABLE public.paid_window TO market_server;

GRANT SELECT,INSERT ON TABLE public.payment_event TO market_server;
GRANT SELECT ON TABLE public.payment_event TO market_tenant;

GRANT SELECT ON TABLE public.price_plan TO market_server;
GRANT SELECT ON TABLE public.price_plan TO market_tenant;

GRANT USAGE ON SEQUENCE public.price_plan_id_seq TO market_server;
GRANT USAGE ON SEQUENCE public.price_plan_id_seq TO market_tenant;

GRANT SELECT ON TABLE public.product TO market_server;
GRANT SELECT ON TABLE public.product TO market_tenant;

GRANT USAGE ON SEQUENCE public.product_id_seq TO market_server;
GRANT USAGE ON SEQUENCE public.product_id_seq TO market_tenant;

GRANT SELECT ON TABLE public.product_listing TO market_server;
GRANT SELECT ON TABLE public.product_listing TO market_tenant;

GRANT SELECT ON TABLE public.product_resource TO market_server;
GRANT SELECT ON TABLE public.product_resource TO market_tenant;

GRANT SELECT,INSERT ON TABLE public.publisher TO market_server;
GRANT SELECT,INSERT ON TABLE public.publisher TO market_tenant;

GRANT USAGE ON SEQUENCE public.publisher_id_seq TO market_server;
GRANT USAGE ON SEQUENCE public.publisher_id_seq TO market_tenant;

GRANT SELECT,INSERT ON TABLE public.publisher_key TO market_server;
GRANT SELECT,INSERT ON TABLE public.publisher_key TO market_tenant;

GRANT UPDATE(revoked_at) ON TABLE public.publisher_key TO market_server;
GRANT UPDATE(revoked_at) ON TABLE public.publisher_key TO market_tenant;

GRANT USAGE ON SEQUENCE public.publisher_key_id_seq TO market_server;
GRANT USAGE ON SEQUENCE public.publisher_key_id_seq TO market_tenant;

GRANT SELECT,INSERT ON TABLE public.quarantine TO market_server;
GRANT SELECT ON TABLE public.quarantine TO market_tenant;

GRANT UPDATE(resolved_at) ON TABLE public.quarantine TO market_server;
GRANT UPDATE(resolved_at) ON TABLE public.quarantine TO market_tenant;

GRANT UPDATE(state) ON TABLE public.quarantine TO market_server;
GRANT UPDATE(state) ON TABLE public.quarantine TO market_tenant;

GRANT UPDATE(resolution) ON TABLE public.quarantine TO market_server;
GRANT UPDATE(resolution) ON TABLE public.quarantine TO market_tenant;

GRANT USAGE ON SEQUENCE public.quarantine_id_seq TO market_server;

GRANT SELECT,INSERT ON TABLE public.resource TO market_server;
GRANT SELECT,INSERT ON TABLE public.resource TO market_tenant;

GRANT UPDATE(name) ON TABLE public.resource TO market_server;
GRANT UPDATE(name) ON TABLE public.resource TO market_tenant;

GRANT UPDATE(description) ON TABLE public.resource TO market_server;
GRANT UPDATE(description) ON TABLE public.resource TO market_tenant;

GRANT USAGE ON SEQUENCE public.resource_id_seq TO market_server;
GRANT USAGE ON SEQUENCE public.resource_id_seq TO market_tenant;

GRANT SELECT ON TABLE public.schema_migration TO market_server;

