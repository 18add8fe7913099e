"""Pictures and the labels that move with them: geometry, resampling, degradation, intensities."""
