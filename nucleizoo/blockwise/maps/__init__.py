"""From a volume in its file to the network's maps on disk, window by window."""
