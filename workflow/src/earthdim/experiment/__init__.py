"""What an experiment is: its configuration resolved, checked, and cut into what each job is keyed by."""
