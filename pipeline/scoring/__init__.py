"""What becomes of scores: normalisation by a cohort."""
