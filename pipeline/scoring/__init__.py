"""Score normalisation by a cohort."""
