"""A store on its storage: opening, committing, one array family a file."""
