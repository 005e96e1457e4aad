"""Evidence: files taken in and made anew, kept sealed, with a record of who looked; and what is forgotten when."""
