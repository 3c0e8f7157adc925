"""Stage `pack`: all images in one file that every training process maps into its memory."""
