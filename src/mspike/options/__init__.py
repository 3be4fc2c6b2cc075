"""What can be given next: which therapies and trials are open, closed or unknown for this patient, and why."""
