"""Practice of those who work at tills: which drills there are, who did which, and what a real mistake calls for."""
