"""From the input volume to the network's maps on disk."""
