-- What must hold whatever happens: each query returns no row. Run by `market verify`; `-- name:` starts each.

-- name: a payment has one subscriber
select trade_no from payment_event where type = 1 group by trade_no having count(*) > 1;

-- name: a refund has one subscriber
select trade_no, refund_time from payment_event where type = 2 group by trade_no, refund_time having count(*) > 1;

-- name: an event's product and app are its publisher's
select e.trade_no, e.uid
from payment_event e
left join product p on p.id = e.product_id and p.publisher_id = e.publisher_id
left join app a on a.id = e.app_id and a.publisher_id = e.publisher_id
where p.id is null or a.id is null;

-- name: a window's resource is sold by some product
select w.resource_id, w.uid from paid_window w where not exists (select from product_resource b where b.resource_id = w.resource_id);

-- name: no two events share a place in commit order
select commit_position, ordinal from payment_event group by commit_position, ordinal having count(*) > 1;

-- name: no event stands ahead of the transactions that there have been
select e.commit_position from payment_event e where e.commit_position > visible_position() + (1::bigint << 32) limit 1;

-- name: a listing's moves are numbered without gaps
select product_id from listing_move group by product_id having max(move_no) <> count(*);

-- name: a product has resources, plans and a listing
select p.id
from product p
where not exists (select from product_resource b where b.product_id = p.id)
   or not exists (select from price_plan s where s.product_id = p.id)
   or not exists (select from listing_move m where m.product_id = p.id);

-- name: a quarantined message that was applied is recorded
select q.id
from quarantine q
where q.state = 'applied' and q.trade_no is not null and not exists (select from payment_event e where e.trade_no = q.trade_no);
