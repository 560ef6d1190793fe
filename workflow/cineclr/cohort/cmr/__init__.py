"""The cohort of the second paper: its sheet, roles of cohorts, and splits by patient."""
