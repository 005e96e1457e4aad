-- Chain everything that is recorded: what was removed, changed, swapped or slipped in shows, and has a name.

create table audit_pages (
  merchant_id text collate "C" not null,
  number int not null,
  until timestamptz not null,
  lines text not null,
  chain text collate "C" not null,
  primary key (merchant_id, number)
);
-- How far all chains have come is the greatest of these.
create index audit_pages_until on audit_pages (until, merchant_id);
select yuanlu_tenant('audit_pages', 'select, insert');

-- What is new is looked for by time; rows lie in the order in which they came, so a few bytes a megabyte tell where.
create index facts_recorded on facts using brin (recorded_at);
create index moves_recorded on moves using brin (recorded_at);
