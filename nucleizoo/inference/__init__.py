"""From a file to labels, maps, translations and tables, with a trained run."""
