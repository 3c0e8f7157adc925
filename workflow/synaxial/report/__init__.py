"""Stage `report`: tables and settings as pages that the Snakemake report shows."""
