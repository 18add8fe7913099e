"""From a file to labels, maps, translations and tables: what a trained run is used for."""
