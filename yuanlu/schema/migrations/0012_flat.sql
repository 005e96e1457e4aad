-- What stays as fast with 100,000 open cases and payments: the queue of a state in a store, and all about one customer.

set lock_timeout = '5s';

-- A manager looks at one store's cases of one state. The queue of a state serves what the index dropped here was for.
create index cases_queue_of_store_state on cases (merchant_id, store_id, state, due_at, id) where state <> 'CLOSED';
drop index cases_not_closed;

-- Export and erasure look for all that belongs to some payments, and for what was told about it. They find these by
-- reading the merchant's own payments: an index on payers would cost every payment more than its few readers gain.
create index deliveries_of_object on deliveries (object_id, merchant_id);
create index handovers_of_payment on handovers (payment_id, merchant_id) where payment_id <> '';
