"""Diagnoses of a study from its report: a sheet, rules, or a language model; and people's review of them."""
