-- How many pages of a file had text of their own, in which numbers were looked for before it was kept.

set lock_timeout = '5s';

alter table case_files add column searched_pages bigint not null default 0;
