"""What payers complain of at the channels: pulled, heard, answered, decided, finished."""
