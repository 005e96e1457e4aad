-- What a reporter says is a message of the case's thread, sealed like all talk; the case names the message only.

set lock_timeout = '5s';

alter table cases add column said_id text collate "C" not null default '';

-- Words of before cannot be carried over: they would have to be sealed, and the key for that is not in the database.
-- They are cleared, here and in the facts, for a promise to forget weighs more than words nobody could forget. No release
-- held them; whoever has an installation of an early state with cases still open prints their words before (`yuanlu case show`).
-- This is the one time a fact is touched: an optional word is taken out, who, when, what and how much stay as they were.
-- The fingerprint was a plain hash of the words, short enough to guess: it goes too, so sending such a report again is refused
-- (case.id_taken), never made twice.
update cases set fingerprint = '' where said <> '';
alter table cases drop column said;
update facts set body = (body::jsonb - 'said')::text where kind = 'CaseOpened' and body::jsonb ? 'said';
